import { expect, test } from "vitest";
import { type Coverage, coverageOf, type Reach, type SessionFacts, stretchesOf } from "./coverage.ts";
import { atOnce } from "./testing/at-once.ts";
import type { SessionUse } from "./session-uses.ts";

interface Given extends SessionFacts {
    readonly reach: Reach;
    readonly uses: readonly SessionUse[];
}

type Verdict = "shareable" | "withheld" | "unknown";
/** A session as the timeline and the crypto store know it. */
interface Told {
    readonly at: number;
    /** When its last event was sent; `at` unless told. */
    readonly until?: number;
    readonly events: number;
    /** Undefined: we do not hold it. */
    readonly verdict?: Verdict;
    readonly given?: boolean;
    /** Held from the message after this many, which was sent then. */
    readonly from?: { readonly before: number; readonly until?: number; readonly at?: number };
    readonly refused?: boolean;
}

const counted = (given: Given): Coverage =>
    atOnce(
        coverageOf(
            given.uses.flatMap((use) => stretchesOf(use, given)),
            given.reach,
        ),
    );

function facts(reach: Reach, ...sessions: readonly Told[]): Given {
    const id = (index: number): string => `session ${index}`;
    return {
        reach,
        uses: sessions.map(({ at: firstAt, until: lastAt = firstAt, events }, index) => ({
            sessionId: id(index),
            sender: `@${index}:home`,
            firstAt,
            lastAt,
            events,
        })),
        held: new Map(
            sessions.flatMap(({ verdict, given = false, from }, index) =>
                verdict === undefined
                    ? []
                    : [[id(index), { sessionId: id(index), firstIndex: from?.before ?? 0, verdict, given }] as const],
            ),
        ),
        refusals: new Map(
            sessions.flatMap(({ refused }, index) =>
                refused === true ? [[id(index), [`@${index}:home`]] as const] : [],
            ),
        ),
        split: ({ sessionId }) => {
            const { from } = sessions[Number(sessionId.slice("session ".length))] ?? {};
            return { before: from?.before ?? 0, lastBefore: from?.until, firstAfter: from?.at };
        },
    };
}

const ours = (at: number, events: number): Told => ({ at, events, verdict: "shareable" });
const missing = (at: number, events: number): Told => ({ at, events });

test.each<[string, Given, Partial<Coverage>]>([
    ["nothing was ever said", facts("start"), { complete: true, coversSince: undefined, coveredShare: 1, events: 0 }],
    [
        "everything is ours",
        facts("start", ours(10, 5), ours(20, 5)),
        { complete: true, coversSince: 10, coveredShare: 1, events: 10 },
    ],
    [
        "the beginning is not found yet",
        facts("under_way", ours(10, 5)),
        { complete: false, coversSince: 10, coveredShare: 1 },
    ],
    ["nor will it be", facts("cut", ours(10, 5)), { complete: false, coversSince: 10 }],
    [
        "we came later",
        facts("start", missing(10, 90), ours(20, 10)),
        { complete: false, coversSince: 20, coveredShare: 0.1 },
    ],
    [
        "one of twenty is missing",
        facts("start", ours(10, 19), missing(20, 1)),
        { complete: true, coversSince: 10, coveredShare: 0.95 },
    ],
    [
        "two of twenty are",
        facts("start", ours(10, 18), missing(20, 2)),
        { complete: false, coversSince: undefined, coveredShare: 0.9 },
    ],
    [
        "a missing one in the middle ends what is covered",
        facts("start", ours(10, 10), missing(20, 10), ours(30, 10)),
        { complete: false, coversSince: 30 },
    ],
    [
        "the oldest event that counts is one of ours",
        facts("start", missing(10, 1), ours(20, 99)),
        { complete: true, coversSince: 20, coveredShare: 0.99 },
    ],
    [
        "what senders withhold from newcomers is covered",
        facts("start", { at: 10, events: 9, verdict: "withheld" }, ours(20, 1)),
        { complete: true, covered: 10, sessions: { missing: 0, unknown: 0, withheld: 1 } },
    ],
    [
        "what nobody spoke of is not",
        facts("start", { at: 10, events: 9, verdict: "unknown", given: true }, ours(20, 1)),
        { complete: false, coversSince: 20, sessions: { missing: 0, unknown: 1, withheld: 0 } },
    ],
    [
        "a session that we hold from its middle on covers from there",
        facts("start", { at: 10, events: 10, verdict: "shareable", from: { before: 4, at: 14 } }),
        {
            complete: false,
            coversSince: 14,
            covered: 6,
            coveredShare: 0.6,
            sessions: { missing: 0, unknown: 0, withheld: 0 },
        },
    ],
    [
        "and nothing if no event comes after that",
        facts("start", { at: 10, events: 4, verdict: "shareable", from: { before: 4 } }),
        { complete: false, coversSince: undefined, covered: 0 },
    ],
    [
        "imported keys: complete back to the oldest of them",
        facts("start", missing(10, 50), { at: 20, events: 10, verdict: "shareable", given: true }, ours(30, 10)),
        { complete: true, coversSince: 20, coveredShare: 1 },
    ],
    [
        "also where the beginning is not known",
        facts("cut", missing(10, 50), { at: 20, events: 10, verdict: "shareable", given: true }, ours(30, 10)),
        { complete: true, coversSince: 20 },
    ],
    [
        "but not with holes after it",
        facts("start", { at: 20, events: 10, verdict: "shareable", given: true }, missing(30, 10)),
        { complete: false, coveredShare: 0.5 },
    ],
    [
        "sessions that were refused to us are missing, and told with their senders",
        facts("start", { ...missing(10, 5), refused: true }, { ...missing(20, 5), refused: false }, ours(30, 5)),
        {
            complete: false,
            sessions: { missing: 2, unknown: 0, withheld: 0 },
            withheldFromBot: { sessions: 1, senders: ["@0:home"] },
        },
    ],
    [
        "one that came after all is not",
        facts("start", { ...ours(10, 5), refused: true }),
        { complete: true, withheldFromBot: { sessions: 0, senders: [] } },
    ],
])("%s", (_, given, expected) => expect(counted(given)).toMatchObject(expected));

test.each<[string, Given, Coverage["comparable"]]>([
    ["nothing was ever said", facts("start"), { withheld: 0, uncovered: [] }],
    ["everything is ours", facts("start", ours(10, 5)), { withheld: 0, uncovered: [] }],
    [
        "what senders withhold nobody can hand on",
        facts("start", { at: 10, events: 3, verdict: "withheld" }, ours(20, 5)),
        { withheld: 3, uncovered: [] },
    ],
    [
        "but not where the bot could not even read it",
        facts("start", { at: 10, events: 3, verdict: "withheld", from: { before: 3 } }),
        { withheld: 0, uncovered: [[10, 3]] },
    ],
    [
        "a session that is not ours counts from its last message on",
        facts("start", { ...missing(10, 5), until: 40 }, missing(20, 2), ours(30, 5)),
        {
            withheld: 0,
            uncovered: [
                [20, 2],
                [40, 7],
            ],
        },
    ],
    [
        "of one that we hold from its middle on, the messages before",
        facts("start", { at: 10, until: 90, events: 10, verdict: "shareable", from: { before: 4, until: 13, at: 14 } }),
        { withheld: 0, uncovered: [[13, 4]] },
    ],
])("for a comparison: %s", (_, given, expected) => expect(counted(given).comparable).toEqual(expected));

test("a stranger's refusal of somebody else's session is nobody's", () => {
    const given = facts("start", missing(10, 5));
    const refusals = new Map([["session 0", ["@stranger:elsewhere"]]]);
    expect(counted({ ...given, refusals }).withheldFromBot).toEqual({ sessions: 0, senders: [] });
});
