import { expect, test } from "vitest";
import { type Candidate, select, type SelectionLimits } from "./selection.ts";

const session = (sessionId: string, more: Partial<Candidate> = {}): Candidate => ({
    sessionId,
    bytes: 9,
    firstAt: undefined,
    by: undefined,
    receivedAt: undefined,
    ...more,
});
const used = (sessionId: string, firstAt: number): Candidate =>
    session(sessionId, { firstAt, by: "@alice:home", receivedAt: firstAt });
const unused = (sessionId: string, by: string, receivedAt: number): Candidate => session(sessionId, { by, receivedAt });
const imported = (sessionId: string, firstAt?: number): Candidate => session(sessionId, { firstAt });

const none: SelectionLimits = { maxSessions: 1_000, maxBytes: Number.POSITIVE_INFINITY, notBefore: undefined };
const atMost = (maxSessions: number): SelectionLimits => ({ ...none, maxSessions });
const flood = Array.from({ length: 5_000 }, (_, index) => unused(`flood ${index}`, "@mallory:home", 1_000 + index));
const names = (count: number, first: number): string[] =>
    Array.from({ length: count }, (_, index) => `flood ${first + index}`);

test.each<[string, readonly Candidate[], SelectionLimits, readonly string[], { tooOld: number; overLimit: number }]>([
    ["nothing is nothing", [], none, [], { tooOld: 0, overLimit: 0 }],
    [
        "where no limit bites, everything is in, in its order",
        [used("a", 1), imported("b"), unused("c", "@x:h", 3)],
        none,
        ["a", "b", "c"],
        { tooOld: 0, overLimit: 0 },
    ],
    ["exactly the limit is no limit", [used("a", 1), used("b", 2)], atMost(2), ["a", "b"], { tooOld: 0, overLimit: 0 }],
    [
        "of too many, the newest stay",
        [used("a", 1), used("c", 3), used("b", 2)],
        atMost(2),
        ["c", "b"],
        { tooOld: 0, overLimit: 1 },
    ],
    [
        "an imported session counts by its first event, too",
        [used("a", 1), imported("b", 2)],
        atMost(1),
        ["b"],
        { tooOld: 0, overLimit: 1 },
    ],
    [
        "bytes limit like numbers, with the commas between",
        [used("a", 1), used("b", 2), used("c", 3)],
        { ...none, maxBytes: 29 },
        ["b", "c"],
        { tooOld: 0, overLimit: 1 },
    ],
    [
        "three times ten bytes fit into thirty",
        [used("a", 1), used("b", 2), used("c", 3)],
        { ...none, maxBytes: 30 },
        ["a", "b", "c"],
        { tooOld: 0, overLimit: 0 },
    ],
    [
        "what no event used comes last, however new",
        [unused("new", "@x:h", 99), used("old", 1)],
        atMost(1),
        ["old"],
        { tooOld: 0, overLimit: 1 },
    ],
    [
        "what the operator imported goes before what others sent",
        [unused("sent", "@x:h", 99), imported("given")],
        atMost(1),
        ["given"],
        { tooOld: 0, overLimit: 1 },
    ],
    [
        "a flood takes no real session's place",
        [...flood, used("a", 1), used("b", 2)],
        atMost(2),
        ["a", "b"],
        { tooOld: 0, overLimit: 5_000 },
    ],
    [
        "a flood fills what is left with its newest hundred at most",
        [...flood, used("a", 1)],
        atMost(1_000),
        [...names(100, 4_900), "a"],
        { tooOld: 0, overLimit: 4_900 },
    ],
    [
        "another sender's unused ones have a place beside a flood",
        [...flood, unused("other", "@bob:home", 1)],
        atMost(200),
        [...names(100, 4_900), "other"],
        { tooOld: 0, overLimit: 4_900 },
    ],
    [
        "an age leaves out what began before",
        [used("a", 9), used("b", 10)],
        { ...none, notBefore: 10 },
        ["b"],
        { tooOld: 1, overLimit: 0 },
    ],
    [
        "a session that no event used is too old, whenever it came: an old key may be sent again",
        [unused("a", "@x:h", 9), unused("b", "@x:h", 10)],
        { ...none, notBefore: 10 },
        [],
        { tooOld: 2, overLimit: 0 },
    ],
    [
        "its first event counts, not its coming: an old session may come late",
        [session("a", { firstAt: 9, receivedAt: 99 })],
        { ...none, notBefore: 10 },
        [],
        { tooOld: 1, overLimit: 0 },
    ],
    [
        "a session of unknown age is too old",
        [imported("a")],
        { ...none, notBefore: 10 },
        [],
        { tooOld: 1, overLimit: 0 },
    ],
    [
        "age first, then numbers",
        [used("a", 1), used("b", 11), used("c", 12)],
        { ...atMost(1), notBefore: 10 },
        ["c"],
        { tooOld: 1, overLimit: 1 },
    ],
])("%s", (_, candidates, limits, chosen, leftOut) => {
    const selection = select(candidates, limits);
    expect(selection.chosen.map(({ sessionId }) => sessionId)).toEqual(chosen);
    expect(selection.leftOut).toEqual(leftOut);
});
