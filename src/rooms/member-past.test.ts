import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Membership } from "../matrix/index.ts";
import { type MemberPast, type MemberStep, pastWith } from "./member-past.ts";

const nobody: MemberPast = { wasMember: "no", removed: false };
const unknown: MemberPast = { wasMember: "unknown", removed: false };
const member: MemberPast = { wasMember: "yes", removed: false };
const removed: MemberPast = { wasMember: "yes", removed: true };

/** An event that follows what was known, by the user's own hand. */
const own = (membership: Membership, before?: MemberStep["before"]): MemberStep => ({
    membership,
    byThemselves: true,
    replaced: undefined,
    before,
    follows: true,
});
/** The same, by somebody else's. */
const theirs = (membership: Membership, before?: MemberStep["before"]): MemberStep => ({
    ...own(membership, before),
    byThemselves: false,
});
const missed = (step: MemberStep, replaced?: Membership): MemberStep => ({ ...step, follows: false, replaced });
const was = (membership: Membership, past: MemberPast): MemberStep["before"] => ({ membership, past });

test.each<[string, MemberStep, MemberPast]>([
    ["somebody new is asked in", theirs("invite"), nobody],
    ["and declines", own("leave", was("invite", nobody)), nobody],
    ["and is not wanted any more", theirs("leave", was("invite", nobody)), nobody],
    ["and is banned", theirs("ban", was("invite", nobody)), { wasMember: "no", removed: true }],
    ["somebody knocks", own("knock"), nobody],
    ["and takes it back", own("leave", was("knock", nobody)), nobody],
    ["and is refused", theirs("leave", was("knock", nobody)), nobody],
    ["a ban of somebody who never came", theirs("ban"), { wasMember: "no", removed: true }],
    [
        "the end of that ban",
        theirs("leave", was("ban", { wasMember: "no", removed: true })),
        { wasMember: "no", removed: true },
    ],
    ["a join", own("join", was("invite", nobody)), member],
    ["a member leaves", own("leave", was("join", member)), member],
    ["a member is kicked", theirs("leave", was("join", member)), removed],
    ["a member is banned", theirs("ban", was("join", member)), removed],
    ["the end of a member's ban gives nothing back", theirs("leave", was("ban", removed)), removed],
    ["a former member is asked in again", theirs("invite", was("leave", member)), member],
    ["and declines: they were here", own("leave", was("invite", member)), member],
    ["who was kicked knocks", own("knock", was("leave", removed)), removed],
    ["and takes it back: that is no leaving of their own", own("leave", was("knock", removed)), removed],
    ["who was kicked is asked in and declines", own("leave", was("invite", removed)), removed],
    ["and joins: they are back", own("join", was("invite", removed)), member],
    ["found as having left, nobody knows from what", missed(own("leave")), unknown],
    ["found as having left a moment ago, as the homeserver says", missed(own("leave"), "join"), member],
    ["found as having declined: they may have been here before that", missed(own("leave"), "invite"), unknown],
    ["found as put out, nobody knows from what", missed(theirs("leave")), { wasMember: "unknown", removed: true }],
    ["found as not wanted any more", missed(theirs("leave"), "invite"), unknown],
    ["found banned", missed(theirs("ban")), { wasMember: "unknown", removed: true }],
    ["found as asked in", missed(theirs("invite")), unknown],
    [
        "who was new may have come and gone while we did not look",
        missed(theirs("invite", was("leave", nobody))),
        unknown,
    ],
    ["a member stays one, whatever was missed", missed(theirs("invite", was("join", member))), member],
    [
        "who was removed stays so, whatever was missed, unless they joined",
        missed(own("leave", was("leave", removed))),
        removed,
    ],
])("%s", (_, step, past) => expect(pastWith(step)).toEqual(past));

const happening = fc.record({
    membership: fc.constantFrom<Membership>("invite", "join", "knock", "leave", "ban"),
    byThemselves: fc.boolean(),
    seen: fc.boolean(),
    /** The homeserver says what the event took the place of. */
    tells: fc.boolean(),
});

test("whatever is missed: nobody who was in the room is taken for a stranger, and nobody who was not for a member", () => {
    const holds = fc.property(fc.array(happening, { maxLength: 12 }), (life) => {
        let before: MemberStep["before"];
        let missed = false;
        let everJoined = false;
        for (const [index, { membership, byThemselves, seen, tells }] of life.entries()) {
            everJoined ||= membership === "join";
            if (seen) {
                const replaced = tells ? life[index - 1]?.membership : undefined;
                before = {
                    membership,
                    past: pastWith({ membership, byThemselves, replaced, before, follows: !missed }),
                };
                if (before.past.wasMember === (everJoined ? "no" : "yes")) return false;
            }
            missed = !seen;
        }
        return true;
    });
    expect(() => fc.assert(holds, { numRuns: 2_000 })).not.toThrow();
});
