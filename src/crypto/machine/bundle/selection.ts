import type { LeftOut } from "../../port.ts";

/** A session that may be shared, as the choice looks at it. Times are milliseconds since the epoch. */
export interface Candidate {
    readonly sessionId: string;
    /** Of its entry in the bundle. */
    readonly bytes: number;
    /** When the first known event of its owner that it encrypted was sent. */
    readonly firstAt: number | undefined;
    /** The user whose `m.room_key` or bundle brought it; undefined: an import, ourselves, or not known any more. */
    readonly by: string | undefined;
    readonly receivedAt: number | undefined;
}

/** What a bundle may hold at most. */
export interface SelectionLimits {
    readonly maxSessions: number;
    /** Of all entries, with the commas between them. */
    readonly maxBytes: number;
    /** Sessions that began before this time are left out; undefined: none are. */
    readonly notBefore: number | undefined;
}

export interface Selection<Session> {
    /** In the order in which they were given. */
    readonly chosen: readonly Session[];
    readonly leftOut: Pick<LeftOut, "tooOld" | "overLimit">;
}

/**
 * Of one sender, sessions that no known event used: whoever makes up sessions takes no more room than this from those
 * that were used.
 */
const unusedPerSender = 100;

/**
 * Which sessions a bundle holds when not all of them can be in it: the newest by the time of the first event that each
 * encrypted. What no known event used comes after that: first what the operator imported or we made, then what others
 * sent, bounded for each of them. Only an event tells an age: what no known one used counts as too old where an age is
 * set, and nobody is shown more than the setting says.
 */
export function select<Session extends Candidate>(
    candidates: readonly Session[],
    limits: SelectionLimits,
): Selection<Session> {
    const { notBefore, maxSessions, maxBytes } = limits;
    const young =
        notBefore === undefined
            ? candidates
            : candidates.filter(({ firstAt }) => firstAt !== undefined && firstAt >= notBefore);
    const tooOld = candidates.length - young.length;
    if (young.length <= maxSessions && bytesOf(young) <= maxBytes)
        return { chosen: young, leftOut: { tooOld, overLimit: 0 } };
    const taken = new Set(takeFirst(ranked(young), limits));
    const chosen = young.filter((session) => taken.has(session));
    return { chosen, leftOut: { tooOld, overLimit: young.length - chosen.length } };
}

function beganAt({ firstAt, receivedAt }: Candidate): number {
    return firstAt ?? receivedAt ?? 0;
}

function bytesOf(sessions: readonly Candidate[]): number {
    return sessions.reduce((sum, { bytes }) => sum + bytes + 1, 0);
}

function ranked<Session extends Candidate>(sessions: readonly Session[]): readonly Session[] {
    const newestFirst = sessions.toSorted((one, other) => rank(one) - rank(other) || beganAt(other) - beganAt(one));
    const unused = new Map<string, number>();
    return newestFirst.filter(({ firstAt, by }) => {
        if (firstAt !== undefined || by === undefined) return true;
        const count = (unused.get(by) ?? 0) + 1;
        unused.set(by, count);
        return count <= unusedPerSender;
    });
}

function rank({ firstAt, by }: Candidate): number {
    if (firstAt !== undefined) return 0;
    return by === undefined ? 1 : 2;
}

function takeFirst<Session extends Candidate>(
    sessions: readonly Session[],
    { maxSessions, maxBytes }: SelectionLimits,
): readonly Session[] {
    let bytes = 0;
    const end = sessions.findIndex((session, index) => index >= maxSessions || (bytes += session.bytes + 1) > maxBytes);
    return end === -1 ? sessions : sessions.slice(0, end);
}
