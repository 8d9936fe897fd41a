import type { HeldSession } from "../crypto/index.ts";
import type { SessionSplit, SessionUse } from "./session-uses.ts";

/** From this share of the events on, nobody is worse off with what we can share. */
const enough = 0.95;

/** What became of the search for the beginning: found, still under way, or ended by a bound or a refusal. */
export type Reach = "start" | "under_way" | "cut";

/** How much of a room's encrypted history the bot can hand on. Times in milliseconds since the epoch; counts are of known events, each once. */
export interface Coverage {
    readonly reach: Reach;
    /** From the oldest event on, of those that we can share, from which on at least 95 % of the events are covered; undefined: none. */
    readonly coversSince: number | undefined;
    /**
     * At least 95 % are covered, all the way back to the room's first encrypted event or else to the first one that imported keys open:
     * whoever gave those has no more.
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
}

export interface CoverageFacts {
    readonly uses: readonly SessionUse[];
    /** What we hold, by session ID. */
    readonly held: ReadonlyMap<string, HeldSession>;
    /** Who refused us a session, by session ID. */
    readonly refusals: ReadonlyMap<string, readonly string[]>;
    /** Asked only of sessions that we hold from a later message on. */
    readonly split: (use: SessionUse, firstIndex: number) => SessionSplit;
    readonly reach: Reach;
}

/** Events of one session with the same fate. */
interface Stretch {
    readonly at: number;
    readonly events: number;
    readonly covered: boolean;
    readonly given: boolean;
}

/** Source: DESIGN of the re-invite: what counts as covered is what a newcomer can read by us, or could not read by anybody else's bundle either. */
export function coverageOf(facts: CoverageFacts): Coverage {
    const { uses, held, refusals, reach } = facts;
    const newestFirst = uses.flatMap((use) => stretches(use, facts)).toSorted((one, other) => other.at - one.at);
    const whole = sum(newestFirst);
    const oldestGiven = newestFirst.findLast(({ given }) => given)?.at ?? Number.POSITIVE_INFINITY;
    const given = sum(newestFirst.filter(({ at }) => at >= oldestGiven));
    const fromStart = reach === "start" && share(whole) >= enough;
    const fromGiven = given.events > 0 && share(given) >= enough;
    const missing = uses.filter(({ sessionId }) => !held.has(sessionId));
    const refused = missing.filter(({ sessionId, sender }) => refusals.get(sessionId)?.includes(sender) === true);
    const holding = (verdict: HeldSession["verdict"]): number =>
        uses.filter(({ sessionId }) => held.get(sessionId)?.verdict === verdict).length;
    return {
        reach,
        coversSince: coversSince(newestFirst),
        complete: fromStart || fromGiven,
        coveredShare: share(fromGiven && !fromStart ? given : whole),
        ...whole,
        sessions: { missing: missing.length, unknown: holding("unknown"), withheld: holding("withheld") },
        withheldFromBot: { sessions: refused.length, senders: [...new Set(refused.map(({ sender }) => sender))].toSorted() },
    };
}

function stretches(use: SessionUse, { held, split }: CoverageFacts): readonly Stretch[] {
    const session = held.get(use.sessionId);
    const { firstAt: at, events } = use;
    if (session === undefined) return [{ at, events, covered: false, given: false }];
    const mine = { covered: session.verdict !== "unknown", given: session.given };
    if (session.firstIndex === 0) return [{ at, events, ...mine }];
    const { before, firstAfter } = split(use, session.firstIndex);
    return [
        ...(before > 0 ? [{ at, events: before, covered: false, given: false }] : []),
        ...(firstAfter === undefined ? [] : [{ at: firstAfter, events: events - before, ...mine }]),
    ];
}

function coversSince(newestFirst: readonly Stretch[]): number | undefined {
    let [events, covered] = [0, 0];
    let since: number | undefined;
    for (const stretch of newestFirst) {
        events += stretch.events;
        if (!stretch.covered) continue;
        covered += stretch.events;
        if (share({ events, covered }) >= enough) since = stretch.at;
    }
    return since;
}

function sum(stretches: readonly Stretch[]): { readonly events: number; readonly covered: number } {
    let [events, covered] = [0, 0];
    for (const stretch of stretches) {
        events += stretch.events;
        if (stretch.covered) covered += stretch.events;
    }
    return { events, covered };
}

/** Where nothing was said, nothing is missing. */
function share({ events, covered }: { readonly events: number; readonly covered: number }): number {
    return events === 0 ? 1 : covered / events;
}
