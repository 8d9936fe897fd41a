import type { CryptoStore } from "./context.ts";

/** A check of the whole store that goes on a piece at a call. */
export class StoreCheck {
    readonly #store: Pick<CryptoStore, "checkInPieces">;
    #pieces: Iterator<readonly string[], void> | undefined;

    constructor(store: Pick<CryptoStore, "checkInPieces">) {
        this.#store = store;
    }

    /** What is damaged in the next piece; undefined after the last one, and then it begins anew. */
    next(): readonly string[] | undefined {
        this.#pieces ??= this.#store.checkInPieces();
        const { value, done } = this.#pieces.next();
        if (done !== true) return value;
        this.#pieces = undefined;
        return undefined;
    }
}
