import type { Stretch } from "./coverage.ts";

/** The list is kept with the room's coverage: whoever does not fit into it is taken for somebody who may share. */
const most = 1_000;

/**
 * Senders of whose clients nothing shows that they share history: keys came from them, none of them shareable, at a time when history was open, as
 * another's earlier shareable key proves. What was imported proves nothing, and neither does silence.
 */
export function sendersWithoutSigns(stretches: readonly Stretch[]): readonly string[] {
    const open = Math.min(...stretches.flatMap(({ session, at }) => (session === "shareable" ? [at] : [])));
    const mayShare = new Set(
        stretches.flatMap(({ session, sender }) => (session === "shareable" || session === "unknown" ? [sender] : [])),
    );
    const silent = stretches.flatMap(({ session, given, sender, at }) =>
        session === "withheld" && !given && at > open && !mayShare.has(sender) ? [sender] : [],
    );
    return [...new Set(silent)].toSorted().slice(0, most);
}
