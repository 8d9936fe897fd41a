import type { Stretch } from "./coverage.ts";
import { each, type InPieces } from "./in-pieces.ts";

/** The list is kept with the room's coverage: whoever does not fit into it is taken for somebody who may share. */
const most = 1_000;

/**
 * Senders of whose clients nothing shows that they share history: keys came from them, none of them shareable, at a time when history was open, as
 * another's earlier shareable key proves. What was imported proves nothing, and neither does silence.
 */
export function* sendersWithoutSigns(stretches: readonly Stretch[]): InPieces<readonly string[]> {
    let open = Number.POSITIVE_INFINITY;
    const mayShare = new Set<string>();
    yield* each(stretches, ({ session, sender, at }) => {
        if (session === "shareable") open = Math.min(open, at);
        if (session === "shareable" || session === "unknown") mayShare.add(sender);
    });
    const silent = new Set<string>();
    yield* each(stretches, ({ session, given, sender, at }) => {
        if (session === "withheld" && !given && at > open && !mayShare.has(sender)) silent.add(sender);
    });
    return [...silent].toSorted().slice(0, most);
}
