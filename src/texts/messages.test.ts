import { expect, test } from "vitest";
import {
    type BotFacts,
    correction,
    greeting,
    type GreetingFacts,
    kindOf,
    noticeText,
    type RoomFacts,
} from "./messages.ts";

const empty = { events: 0, covered: 0, since: undefined, cut: false };
const set: GreetingFacts = { visibility: "shared", canInvite: true, past: empty, enough: 0.7, inviting: "compared" };
const past = (covered: number, more: Partial<GreetingFacts["past"]> = {}): Partial<GreetingFacts> => ({
    past: { ...empty, events: 12, covered, ...more },
});

const [allSet, whose] = ["Everything is set", "where those are likely to be more than mine"];

test.each<[string, Partial<GreetingFacts>, string[], string[]]>([
    [
        "where nothing was said and all is set, nothing is missing",
        {},
        [allSet, "written from now on."],
        ["missing", "earlier message ", whose],
    ],
    [
        "before the room was counted, nothing is promised",
        { past: undefined },
        ["still looking", "from now on", whose],
        [allSet, "missing"],
    ],
    [
        "what is missing is named before the count, too",
        { past: undefined, canInvite: false },
        ["still looking", "power to invite"],
        [allSet],
    ],
    [
        "since when is said, where that is known",
        past(12, { since: "2026-11-02" }),
        ["written since 2026-11-02, and", allSet],
        [whose, "12"],
    ],
    ["messages since the join need no day", past(12), ["written from now on.", allSet], ["12"]],
    [
        "what a bound kept from being looked at is said",
        past(12, { since: "2026-11-02", cut: true }),
        ["since 2026-11-02", "older messages", whose, allSet],
        [],
    ],
    ["so it is where nothing was found", { past: { ...empty, cut: true } }, ["older messages", whose, allSet], []],
    [
        "where most is there, it is counted",
        past(10, { since: "2026-11-02" }),
        ["so far (12) I can hand on 10, nearly all of those since 2026-11-02;", "imported", whose, allSet],
        [],
    ],
    ["below the threshold not all is set", past(8), ["so far (12) I can hand on 8;", whose], [allSet, "missing"]],
    ["the threshold is a parameter", { ...past(8), enough: 0.6 }, ["I can hand on 8;", allSet], []],
    [
        "and nothing is nothing",
        past(0),
        ["I can hand on none; the others only if their keys are imported", whose],
        [allSet],
    ],
    [
        "who is always invited again gets the bot's keys",
        { ...past(8), inviting: "always" },
        ["hand on 8"],
        ["whoever invites them"],
    ],
    [
        "who never is gets their inviter's",
        { ...past(12), inviting: "never" },
        ["I do not repeat invites here"],
        [whose],
    ],
    [
        "closed history is named with its setting",
        { visibility: "joined" },
        ["What is missing", '"joined"'],
        [allSet, "hand on"],
    ],
    ["so is a setting that nobody understands", { visibility: "unknown" }, ["set it anew"], [allSet, "hand on"]],
    ["and so is the power to invite", { canInvite: false }, ["power to invite"], [allSet]],
])("%s", (_, facts, said, unsaid) => {
    const text = greeting({ ...set, ...facts });
    for (const part of said) expect(text).toContain(part);
    for (const part of unsaid) expect(text).not.toContain(part);
});

test.each<[string, Partial<GreetingFacts>, string[], string[]]>([
    ["nothing found", {}, ["there are none.", "from now on", allSet], ["Hello", "still"]],
    ["a part found", past(8), ["this is what I found.", "hand on 8", whose], ["Hello", "still", allSet]],
    [
        "all found, and the power lost",
        { ...past(12, { since: "2026-11-02" }), canInvite: false },
        ["since 2026", "power to invite"],
        [allSet],
    ],
])("a correction says what the count ended with: %s", (_, facts, said, unsaid) => {
    const text = correction({ ...set, ...facts });
    for (const part of said) expect(text).toContain(part);
    for (const part of unsaid) expect(text).not.toContain(part);
});

test.each<[string, Partial<GreetingFacts>, string]>([
    ["an uncounted room", { past: undefined }, "looking"],
    ["a counted room", {}, "counted"],
    ["a closed room, counted or not", { visibility: "joined", past: undefined }, "closed"],
])("the kind of greeting: %s", (_, facts, kind) => expect(kindOf({ ...set, ...facts })).toBe(kind));

test.each<[RoomFacts["trouble"], boolean, string]>([
    ["history_closed", true, "closed to newcomers now: I share nothing there"],
    ["history_closed", false, "open to newcomers again"],
    ["cannot_invite", true, "Give me the power to invite"],
    ["cannot_invite", false, "I may invite there again"],
    ["covers_little", true, "I lack many keys there"],
    ["covers_little", false, "enough of the keys there again"],
])("what admins are told of a room: %s, %s", (trouble, present, told) => {
    const text = noticeText([{ about: "room", roomId: "!a\n:home", trouble, present }]);
    expect(text).toMatch(/^Room !a\u{fffd}:home: .* More: `backscroll status --room !a\u{fffd}:home`\.$/u);
    expect(text).toContain(told);
});

test.each([
    [5, 0, []],
    [6, 0, ["1 more job waits for a person"]],
    [5, 1, ["1 more change in rooms"]],
    [7, 3, ["2 more jobs wait for a person", "3 more changes in rooms"]],
])("what one message does not describe is counted: of %i jobs and %i rooms", (jobs, rooms, counted) => {
    const job = {
        about: "job",
        jobId: 1,
        roomId: "!a:b",
        userId: "@c:d",
        inviter: "@e:f",
        state: "held",
        message: "So.",
    } as const;
    const room = { about: "room", roomId: "!a:b", trouble: "cannot_invite", present: true } as const;
    const lines = noticeText([
        ...Array.from({ length: jobs }, () => job),
        ...Array.from({ length: rooms }, () => room),
    ]).split("\n\n");
    expect(lines.slice(5).map((line) => line.split(":")[0])).toEqual(counted);
});

test.each<[BotFacts["identity"], string]>([
    ["replaced", "Another client has replaced my account's cross-signing identity."],
    ["gone", "publishes no cross-signing identity of my account"],
    ["unsigned", "does not publish my device as signed"],
])("what admins are told of the bot's own identity that is %s, before everything else", (identity, told) => {
    const room = { about: "room", roomId: "!a:b", trouble: "cannot_invite", present: true } as const;
    const [first] = noticeText([...Array.from({ length: 5 }, () => room), { about: "bot", identity }]).split("\n\n");
    expect(first).toContain(told);
    expect(first).toMatch(/every delivery waits. `backscroll status` says what to do\.$/);
});
