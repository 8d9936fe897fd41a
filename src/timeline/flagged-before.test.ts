import { expect, test } from "vitest";
import type { HeldSession } from "../crypto/index.ts";
import { flaggedBefore } from "./flagged-before.ts";
import { atOnce } from "./testing/at-once.ts";

const invited = 10_000_000;
const longBefore = 1_000;

const shareable = { verdict: "shareable", given: false } as const;

test.each<[string, number, Pick<HeldSession, "verdict" | "given"> | undefined, boolean]>([
    ["one that they take for shareable", longBefore, shareable, true],
    ["one that began after the invite", invited + 1, shareable, false],
    ["one that began at about the same time, as clocks differ", invited - 1_000, shareable, false],
    ["one that they keep from newcomers", longBefore, { ...shareable, verdict: "withheld" }, false],
    ["one of which nobody has said anything", longBefore, { ...shareable, verdict: "unknown" }, false],
    ["one that somebody else gave to the bot", longBefore, { ...shareable, given: true }, false],
    ["one that the bot does not have", longBefore, undefined, false],
])("%s", (_, firstAt, session, expected) => {
    const uses = ["other", "theirs"].map((sessionId) => ({
        sessionId,
        sender: "@alice:home",
        firstAt,
        lastAt: firstAt,
        events: 1,
    }));
    const held = new Map(session === undefined ? [] : [["theirs", session]]);
    expect(atOnce(flaggedBefore(uses, held, invited))).toBe(expected);
});
