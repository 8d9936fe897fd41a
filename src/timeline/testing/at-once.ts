import type { InPieces } from "../in-pieces.ts";

/** Does the work while everybody waits. */
export function atOnce<T>(work: InPieces<T>): T {
    for (;;) {
        const piece = work.next();
        if (piece.done === true) return piece.value;
    }
}
