import { failures, type FailureCode } from "./table.ts";

/** The facts that a failure's sentence is made of. Never a key, a token, a password or a message text. */
export type FailureFacts = Readonly<Record<string, string | number>>;

/**
 * A failure that we expect and can explain: the operator gets a sentence and the next step, the process an exit code.
 * Everything else that is thrown is a fault of ours and ends with exit code 70.
 */
export class Failure extends Error {
    readonly code: FailureCode;
    readonly facts: FailureFacts;

    constructor(code: FailureCode, facts: FailureFacts = {}, options?: ErrorOptions) {
        const { message, cure } = failures[code];
        super(`${fill(message, facts)} ${fill(cure, facts)}`, options);
        this.name = "Failure";
        this.code = code;
        this.facts = facts;
    }

    get exitCode(): number {
        return failures[this.code].exit;
    }
}

function fill(template: string, facts: FailureFacts): string {
    return template.replaceAll(/\{(\w+)\}/g, (placeholder, name: string) => String(facts[name] ?? placeholder));
}
