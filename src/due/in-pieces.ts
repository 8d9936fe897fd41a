import { setImmediate } from "node:timers/promises";

/** Work that yields wherever others may have their turn: about every millisecond. */
export type InPieces<T> = Generator<void, T, void>;

/** Milliseconds of work between two turns of the event loop. */
const longest = 4;

/** Does the work, and lets others have their turn meanwhile. */
export async function inPieces<T>(work: InPieces<T>): Promise<T> {
    for (let begun = performance.now(); ;) {
        const piece = work.next();
        if (piece.done === true) return piece.value;
        if (performance.now() - begun < longest) continue;
        await setImmediate();
        begun = performance.now();
    }
}
