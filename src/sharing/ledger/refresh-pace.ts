/**
 * Milliseconds after the first keys for which more are waited for: two syncs. It is a part of the time in which what is
 * said before a join is lost, and an answer, which comes seconds later, belongs to the series in any case.
 */
const first = 200;
/**
 * Milliseconds. What is due within this time is not put off for keys that come: it is for them, too. The look after the
 * delivery of somebody who was just being served is that soon.
 */
const atHand = 2_000;
/**
 * Milliseconds after the last keys of a series for which more are waited for. Keys that come after a longer silence are
 * a new series.
 */
export const rest = 20_000;
/** Milliseconds after the first keys of a series for which more are waited for at most. */
const longestRest = 120_000;

/** Milliseconds in which a room is made six files at most, for newcomers and for refreshing together. */
const countedOver = 3_600_000;
/**
 * Milliseconds between the newest file and the next, by how many were made in the hour: two at once, for a newcomer and
 * for what is said next; then ever fewer, so that a room in which much is said is not left without one for most of the
 * hour.
 */
const betweenFiles = [0, 0, 20_000, 120_000, 480_000, 1_500_000] as const;

/** How a room's keys have come lately. Times are of `RunningClock`. */
export interface Series {
    /** When the first of those came that a refresh waits for. */
    readonly since: number;
    /** When they last came. */
    readonly keysAt: number;
    /** When the room is refreshed; undefined: it has been. */
    readonly dueAt: number | undefined;
}

/**
 * When a room is refreshed now that keys have come: soon after a silence, so that whoever joins has them; in a series,
 * when it rests.
 * @param series undefined: none came lately
 */
export function withKeys(series: Series | undefined, now: number): Series {
    const soon = now + first;
    const { dueAt } = series ?? {};
    const since = series === undefined || dueAt === undefined ? now : Math.min(series.since, now);
    const isSeries = series !== undefined && series.keysAt <= now && now - series.keysAt < rest;
    if (!isSeries) return { since, keysAt: now, dueAt: Math.min(dueAt ?? soon, soon) };
    const isAtHand = dueAt !== undefined && dueAt <= now + atHand;
    return { since, keysAt: now, dueAt: isAtHand ? dueAt : Math.min(now + rest, since + longestRest) };
}

/**
 * When the next file of a room may be made for a refresh; not in the future: now.
 * @param madeAt when files were made, rising; those of the last hour count
 */
export function nextFileAt(madeAt: readonly number[], now: number): number {
    const made = madeAt.filter((at) => at > now - countedOver && at <= now);
    const last = made.at(-1);
    if (last === undefined) return now;
    // Each file that falls out of the hour shortens the rest.
    const times = [now, ...made.map((at) => at + countedOver)];
    const earliest = times.flatMap((from, fallen) => {
        const between = betweenFiles[made.length - fallen];
        return between === undefined ? [] : [Math.max(from, last + between)];
    });
    return Math.min(...earliest);
}
