import type { HeldSession } from "../crypto/index.ts";
import { sendersWithoutSigns } from "./signs-of-sharing.ts";
import type { SessionSplit, SessionUse } from "./session-uses.ts";

/** From this share of the events on, nobody is worse off with what we can share. */
const enough = 0.95;

/** What became of the search for the beginning: found, still under way, or cut: ended by a bound or a refusal, or failing for the time being. */
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
    /** Who speaks here with clients that show no sign of sharing history. */
    readonly withoutSigns: readonly string[];
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
    readonly events: number;
    readonly covered: boolean;
    readonly given: boolean;
    /** What we have of the session, on one of its stretches only; `refused`: its sender keeps it from us. */
    readonly session?: "missing" | "refused" | HeldSession["verdict"];
    readonly sender: string;
}

/** What becomes of the events of one session. */
export function stretchesOf(use: SessionUse, { held, refusals, split }: SessionFacts): readonly Stretch[] {
    const { firstAt: at, events, sender, sessionId } = use;
    const session = held.get(sessionId);
    const unreadable = { at, sender, covered: false, given: false };
    if (session === undefined) {
        const refused = refusals.get(sessionId)?.includes(sender) === true;
        return [{ ...unreadable, events, session: refused ? "refused" : "missing" }];
    }
    const { verdict, given, firstIndex } = session;
    const ours = { sender, covered: verdict !== "unknown", given, session: verdict };
    if (firstIndex === 0) return [{ ...ours, at, events }];
    const { before, firstAfter } = split(use, firstIndex);
    if (firstAfter === undefined) return [{ ...unreadable, events, session: verdict }];
    return [...(before > 0 ? [{ ...unreadable, events: before }] : []), { ...ours, at: firstAfter, events: events - before }];
}

/** What counts as covered is what a newcomer can read by us, or could not read by anybody else's bundle either. */
export function coverageOf(stretches: readonly Stretch[], reach: Reach): Coverage {
    const newestFirst = stretches.toSorted((one, other) => other.at - one.at);
    const whole = sum(newestFirst);
    const oldestGiven = newestFirst.findLast(({ given }) => given)?.at ?? Number.POSITIVE_INFINITY;
    const given = sum(newestFirst.filter(({ at }) => at >= oldestGiven));
    const fromStart = reach === "start" && share(whole) >= enough;
    const fromGiven = given.events > 0 && share(given) >= enough;
    const refused = stretches.filter(({ session }) => session === "refused");
    const count = (wanted: Stretch["session"]): number => stretches.filter(({ session }) => session === wanted).length;
    return {
        reach,
        coversSince: coversSince(newestFirst),
        complete: fromStart || fromGiven,
        coveredShare: share(fromGiven && !fromStart ? given : whole),
        ...whole,
        sessions: { missing: count("missing") + refused.length, unknown: count("unknown"), withheld: count("withheld") },
        withheldFromBot: { sessions: refused.length, senders: [...new Set(refused.map(({ sender }) => sender))].toSorted() },
        withoutSigns: sendersWithoutSigns(stretches),
    };
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
