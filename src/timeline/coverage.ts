import type { HeldSession } from "../crypto/index.ts";
import { each, type InPieces, sorted } from "./in-pieces.ts";
import type { SessionSplit, SessionUse } from "./session-uses.ts";
import { type UncoveredStep, uncoveredSteps } from "./uncovered-steps.ts";

/** From this share of the events on, nobody is worse off with what we can share. */
const enough = 0.95;

/**
 * What became of the search for the beginning: found, still under way, or cut: ended by a bound or a refusal, or
 * failing for the time being.
 */
export type Reach = "start" | "under_way" | "cut";

/**
 * How much of a room's encrypted history the bot can hand on. Times in milliseconds since the epoch; counts are of
 * known events, each once.
 */
export interface Coverage {
    readonly reach: Reach;
    /**
     * From the oldest event on, of those that we can share, from which on at least 95 % of the events are covered;
     * undefined: none.
     */
    readonly coversSince: number | undefined;
    /**
     * At least 95 % are covered, all the way back to the room's first encrypted event or else to the first one that
     * imported keys open: whoever gave those has no more.
     */
    readonly complete: boolean;
    /** Of the events back to there, 0 to 1. */
    readonly coveredShare: number;
    readonly events: number;
    /** Events of sessions that we may share or whose senders withhold them from newcomers. */
    readonly covered: number;
    /** Sessions that events use, by what we have of them. */
    readonly sessions: { readonly missing: number; readonly unknown: number; readonly withheld: number };
    /** Of the missing ones those that their senders refused to give us. */
    readonly withheldFromBot: { readonly sessions: number; readonly senders: readonly string[] };
    /** Undefined: counted by an earlier version, and about to be counted anew. */
    readonly comparable: Comparable | undefined;
}

/** What a comparison with somebody else's keys needs beside the sums. */
export interface Comparable {
    /** Of the covered events those that their senders withhold from newcomers: nobody can hand them on. */
    readonly withheld: number;
    /** How many uncovered events lie before a time: ask `uncoveredBefore`. */
    readonly uncovered: readonly UncoveredStep[];
}

/** What is known of a room's sessions. */
export interface SessionFacts {
    /** What we hold, by session ID. */
    readonly held: ReadonlyMap<string, HeldSession>;
    /** Who refused us a session, by session ID. */
    readonly refusals: ReadonlyMap<string, readonly string[]>;
    /** Asked only of sessions that we hold from a later message on. */
    readonly split: (use: SessionUse, firstIndex: number) => SessionSplit;
}

/** Events of one session with the same fate. */
export interface Stretch {
    /** When the first of them was sent. */
    readonly at: number;
    /** When the last of them was sent, or later. */
    readonly lastAt: number;
    readonly events: number;
    readonly covered: boolean;
    readonly given: boolean;
    /** What we have of the session, on one of its stretches only; `refused`: its sender keeps it from us. */
    readonly session?: "missing" | "refused" | HeldSession["verdict"];
    readonly sender: string;
}

/** What becomes of the events of one session. */
export function stretchesOf(use: SessionUse, { held, refusals, split }: SessionFacts): readonly Stretch[] {
    const { firstAt: at, lastAt, events, sender, sessionId } = use;
    const session = held.get(sessionId);
    const unreadable = { at, lastAt, sender, covered: false, given: false };
    if (session === undefined) {
        const refused = refusals.get(sessionId)?.includes(sender) === true;
        return [{ ...unreadable, events, session: refused ? "refused" : "missing" }];
    }
    const { verdict, given, firstIndex } = session;
    const ours = { sender, lastAt, covered: verdict !== "unknown", given, session: verdict };
    if (firstIndex === 0) return [{ ...ours, at, events }];
    const { before, lastBefore, firstAfter } = split(use, firstIndex);
    if (firstAfter === undefined) return [{ ...unreadable, events, session: verdict }];
    const missed = before > 0 ? [{ ...unreadable, events: before, lastAt: lastBefore ?? lastAt }] : [];
    return [...missed, { ...ours, at: firstAfter, events: events - before }];
}

/** What counts as covered is what a newcomer can read by us, or could not read by anybody else's bundle either. */
export function* coverageOf(stretches: readonly Stretch[], reach: Reach): InPieces<Coverage> {
    const newestFirst = yield* sorted(stretches, (one, other) => other.at - one.at);
    const { whole, given, since } = yield* sums(newestFirst);
    const fromStart = reach === "start" && share(whole) >= enough;
    const fromGiven = given.events > 0 && share(given) >= enough;
    const { missing, unknown, withheld, refused, refusers, withheldEvents } = yield* countSessions(stretches);
    return {
        reach,
        coversSince: since,
        complete: fromStart || fromGiven,
        coveredShare: share(fromGiven && !fromStart ? given : whole),
        ...whole,
        sessions: { missing: missing + refused, unknown, withheld },
        withheldFromBot: { sessions: refused, senders: [...refusers].toSorted() },
        comparable: { withheld: withheldEvents, uncovered: yield* uncoveredSteps(stretches) },
    };
}

interface Sum {
    readonly events: number;
    readonly covered: number;
}

/**
 * `given`: back to the oldest event that imported keys open, those of the same time included; `since`: see
 * `Coverage.coversSince`.
 */
function* sums(
    newestFirst: readonly Stretch[],
): InPieces<{ readonly whole: Sum; readonly given: Sum; readonly since: number | undefined }> {
    let [events, covered] = [0, 0];
    let oldestGiven: number | undefined;
    let given: Sum = { events, covered };
    let since: number | undefined;
    yield* each(newestFirst, (stretch) => {
        events += stretch.events;
        if (stretch.covered) covered += stretch.events;
        if (stretch.given) oldestGiven = stretch.at;
        if (oldestGiven === stretch.at) given = { events, covered };
        if (stretch.covered && share({ events, covered }) >= enough) since = stretch.at;
    });
    return { whole: { events, covered }, given, since };
}

function* countSessions(stretches: readonly Stretch[]) {
    const counts = { missing: 0, refused: 0, unknown: 0, withheld: 0, shareable: 0 };
    const refusers = new Set<string>();
    let withheldEvents = 0;
    yield* each(stretches, ({ session, sender, covered, events }) => {
        if (session === undefined) return;
        counts[session] += 1;
        if (session === "withheld" && covered) withheldEvents += events;
        if (session === "refused") refusers.add(sender);
    });
    return { ...counts, refusers, withheldEvents };
}

/** Where nothing was said, nothing is missing. */
function share({ events, covered }: Sum): number {
    return events === 0 ? 1 : covered / events;
}
