import { inspect } from "node:util";

/**
 * A value that cannot be printed: whatever writes it out, JSON and the debugger's form included, gets a placeholder.
 */
export class Secret {
    readonly #value: string;

    constructor(value: string) {
        this.#value = value;
    }

    /** The value itself, for the one place that needs it. */
    reveal(): string {
        return this.#value;
    }

    toString(): string {
        return "[secret]";
    }

    toJSON(): string {
        return "[secret]";
    }

    [inspect.custom](): string {
        return "[secret]";
    }
}
