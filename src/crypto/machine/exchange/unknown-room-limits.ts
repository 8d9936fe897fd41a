/** Something that came for a room that is not the bot's. */
export interface UnknownArrival {
    /** The newest has the highest number. */
    readonly id: number;
    readonly sender: string;
    /** By `RunningClock`, in milliseconds. */
    readonly cameAt: number;
}

/**
 * Milliseconds: a day, and the longest time between two tellings of which rooms are the bot's, as what comes in between
 * counts as having come at the first. A bundle is announced before the bot is invited, and keys may come before its
 * join is seen: neither takes longer.
 */
export const keptFor = 24 * 3_600_000 + 600_000;
const mostOfASender = 100;
const mostInAll = 1_000;

/**
 * What is to go of all that came for unknown rooms, the oldest last: what is too old, and the oldest of what is too
 * much.
 * @param now by the running clock. What seems to come later than that has just come.
 */
export function outsideLimits<A extends UnknownArrival>(arrivals: readonly A[], now: number): readonly A[] {
    const ofSender = new Map<string, number>();
    let kept = 0;
    return arrivals
        .toSorted((one, other) => other.id - one.id)
        .filter(({ sender, cameAt }) => {
            const theirs = ofSender.get(sender) ?? 0;
            if (now - cameAt >= keptFor || theirs >= mostOfASender || kept >= mostInAll) return true;
            ofSender.set(sender, theirs + 1);
            kept++;
            return false;
        });
}
