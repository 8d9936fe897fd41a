import type { RoomEvent } from "./events.ts";
import { isIdentifier, isObject } from "./json.ts";

/** A state event that is malformed, but says what it is about: of that, nothing is known until the next such event. */
export interface UnreadableState {
    readonly type: string;
    readonly stateKey: string;
}

/** Notes, event by event in the order in which they came into force, of which facts the last word cannot be read. */
export class LastWords {
    readonly #unreadable = new Map<string, UnreadableState>();

    /**
     * @param raw as the server gave it
     * @param event what could be read of it; undefined: it is malformed
     * @param isState it stands where only state events stand
     */
    note(raw: unknown, event: RoomEvent | undefined, isState: boolean): void {
        if (event?.stateKey !== undefined) return this.#said(event.type, event.stateKey);
        const about = aboutWhat(raw, isState);
        if (about !== undefined) this.#unreadable.set(nameOf(about.type, about.stateKey), about);
    }

    #said(type: string, stateKey: string): void {
        if (this.#unreadable.size > 0) this.#unreadable.delete(nameOf(type, stateKey));
    }

    get unreadable(): readonly UnreadableState[] {
        return [...this.#unreadable.values()];
    }
}

/** A state key that no user and no fact can have is about nobody; one that is no text may stand for the empty one. */
function aboutWhat(raw: unknown, isState: boolean): UnreadableState | undefined {
    if (!isObject(raw) || !isIdentifier(raw["type"])) return undefined;
    const { type, state_key: key } = raw;
    if (key === undefined && !isState) return undefined;
    if (typeof key !== "string") return { type, stateKey: "" };
    return key === "" || isIdentifier(key) ? { type, stateKey: key } : undefined;
}

function nameOf(type: string, stateKey: string): string {
    return JSON.stringify([type, stateKey]);
}
