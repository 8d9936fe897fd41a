import { expect, test } from "vitest";
import { decideReinvite, type ReinviteDecision, type ReinviteFacts } from "./reinvite-decision.ts";

const day = 24 * 3_600_000;
const now = 100 * day;
const open: ReinviteFacts = {
    now,
    setting: "when_complete",
    asked: false,
    standing: "this",
    direct: false,
    coverage: "complete",
    inviterMayShare: true,
    repeatedAt: [],
    turn: { at: now, reason: "reinvite_paced" },
};
const incomplete: ReinviteFacts = { ...open, coverage: "incomplete" };
const wait = (at: number | undefined, reason: "coverage_unknown" | "coverage_incomplete" | "reinvited_often" | "invitee_paced") =>
    ({ verdict: "wait", at, reason }) as const;
const makeNow: ReinviteDecision = { verdict: "now", reason: "reinvited" };

test.each<[string, ReinviteFacts, ReinviteDecision]>([
    ["everything is held, and the invite stands", open, makeNow],
    ["the bot is the inviter of record", { ...open, standing: "own" }, { verdict: "not_needed", reason: "already_inviter" }],
    [
        "the bot is the inviter of record, whatever else",
        { ...incomplete, standing: "own" },
        { verdict: "not_needed", reason: "already_inviter" },
    ],
    ["the invite was withdrawn", { ...open, standing: "none" }, { verdict: "over", reason: "invite_withdrawn" }],
    ["another human invited since", { ...open, standing: "another" }, { verdict: "over", reason: "superseded" }],
    ["the setting says never", { ...open, setting: "never" }, { verdict: "never", reason: "sent_without_reinvite" }],
    [
        "a command does not change the setting",
        { ...open, setting: "never", asked: true },
        { verdict: "never", reason: "sent_without_reinvite" },
    ],
    ["a direct chat", { ...open, direct: true }, { verdict: "never", reason: "direct_chat" }],
    ["a direct chat, asked for by command", { ...open, direct: true, asked: true }, makeNow],
    ["keys are missing", incomplete, wait(undefined, "coverage_incomplete")],
    ["what the bot holds is still being counted", { ...open, coverage: "unknown" }, wait(undefined, "coverage_unknown")],
    ["a command does not complete the keys", { ...incomplete, asked: true }, wait(undefined, "coverage_incomplete")],
    ["little is covered, but the inviter's client shares nothing", { ...incomplete, inviterMayShare: false }, makeNow],
    ["little is covered, and the setting says always", { ...incomplete, setting: "always" }, makeNow],
    ["two re-invites in a week", { ...open, repeatedAt: [now - day, now - 2 * day] }, makeNow],
    ["three", { ...open, repeatedAt: [now - 2 * day, now - 5 * day, now - day] }, wait(now + 2 * day, "reinvited_often")],
    ["three, the first of them a week ago", { ...open, repeatedAt: [now - 7 * day, now - 2 * day, now - day] }, makeNow],
    [
        "the homeserver's limits leave no room yet",
        { ...open, turn: { at: now + 1, reason: "invitee_paced" } },
        wait(now + 1, "invitee_paced"),
    ],
    [
        "it is its turn, but the keys are incomplete",
        { ...incomplete, turn: { at: now + 1, reason: "invitee_paced" } },
        wait(undefined, "coverage_incomplete"),
    ],
])("%s", (_, facts, decision) => {
    expect(decideReinvite(facts)).toEqual(decision);
});
