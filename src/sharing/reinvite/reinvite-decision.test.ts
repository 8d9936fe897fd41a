import { expect, test } from "vitest";
import type { ReasonOf, WaitingReason } from "../ledger/steps.ts";
import { decideReinvite, type ReinviteDecision, type ReinviteFacts } from "./reinvite-decision.ts";

const day = 24 * 3_600_000;
const now = 100 * day;
const open: ReinviteFacts = {
    now,
    purpose: "repeat",
    setting: "when_better",
    asked: false,
    standing: "this",
    direct: false,
    comparison: { outcome: "better", sentence: "both sides" },
    taken: false,
    retrialAfter: day / 4,
    repeatedAt: [],
    mark: undefined,
    turn: { at: now, reason: "reinvite_paced" },
};
const worse: ReinviteFacts = { ...open, comparison: { outcome: "worse", sentence: "both sides" } };
const uncounted: ReinviteFacts = { ...open, comparison: { outcome: "unknown", sentence: "both sides" } };
const wait = (at: number | undefined, reason: WaitingReason): ReinviteDecision => ({ verdict: "wait", at, reason });
const detail = "both sides";
const compared = (reason: WaitingReason): ReinviteDecision => ({ verdict: "wait", at: undefined, reason, detail });
const betterNow: ReinviteDecision = { verdict: "now", reason: "reinvite_asked", detail };
/** Nothing was compared. */
const makeNow: ReinviteDecision = { verdict: "now", reason: "reinvite_asked" };
const over = (reason: ReasonOf<"cancelled">): ReinviteDecision => ({ verdict: "over", reason });
/** Nobody's keys can have reached the invitee. */
const placeFirst: ReinviteFacts = { ...worse, purpose: "place_first" };
/** A person asked the bot to make the invite. */
const toInvite: ReinviteFacts = { ...worse, purpose: "invite", asked: true, standing: "none" };

/** The invite carries a mark, and other marked ones were repeated at these times. */
const markedAt = (...repeatedAt: readonly number[]): ReinviteFacts["mark"] => ({ sender: "@helper:home", repeatedAt });

test.each<[string, ReinviteFacts, ReinviteDecision]>([
    ["the bot's keys are better, and the invite stands", open, betterNow],
    [
        "the bot is the inviter of record",
        { ...open, standing: "own" },
        { verdict: "not_needed", reason: "already_inviter" },
    ],
    [
        "the bot is the inviter of record, whatever else",
        { ...worse, standing: "own" },
        { verdict: "not_needed", reason: "already_inviter" },
    ],
    [
        "a marked invite of nobody whom the bot knows, for the first time in a week",
        { ...open, mark: markedAt() },
        betterNow,
    ],
    [
        "the same, for the second time",
        { ...open, mark: markedAt(now - day) },
        { verdict: "wait", at: now + 6 * day, reason: "other_bot_not_listed", detail: "@helper:home" },
    ],
    ["the same, after a week", { ...open, mark: markedAt(now - 7 * day) }, betterNow],
    [
        "the same, of somebody whom no keys can have reached",
        { ...placeFirst, mark: markedAt(now - day) },
        { verdict: "wait", at: now + 6 * day, reason: "other_bot_not_listed", detail: "@helper:home" },
    ],
    ["a human's invite, though marked ones were repeated", { ...open, repeatedAt: [now - day] }, betterNow],
    ["the invite was withdrawn", { ...open, standing: "none" }, { verdict: "over", reason: "invite_withdrawn" }],
    ["they have joined meanwhile", { ...open, standing: "joined" }, over("joined_on_another_invite")],
    ["they are banned", { ...open, standing: "banned" }, over("invitee_banned")],
    ["nobody's keys can have reached them: the place comes first, whatever is covered", placeFirst, makeNow],
    [
        "the same, and the setting says never",
        { ...placeFirst, setting: "never" },
        { verdict: "never", reason: "sent_without_reinvite" },
    ],
    ["the same, in a direct chat", { ...placeFirst, direct: true }, { verdict: "never", reason: "direct_chat" }],
    [
        "the same, and it is not its turn",
        { ...placeFirst, turn: { at: now + 1, reason: "reinvite_paced" } },
        wait(now + 1, "reinvite_paced"),
    ],
    ["the same, and they have joined", { ...placeFirst, standing: "joined" }, over("joined_on_another_invite")],
    ["a person asked the bot to invite: nothing is repeated, so nothing is lost", toInvite, makeNow],
    ["the same, whatever the setting says of repeating", { ...toInvite, setting: "never" }, makeNow],
    ["the same, whom it repeated three times", { ...toInvite, repeatedAt: [now - day, now - day, now - day] }, makeNow],
    [
        "the same, and it is not its turn",
        { ...toInvite, turn: { at: now + 1, reason: "bot_paced" } },
        wait(now + 1, "bot_paced"),
    ],
    [
        "the same, of somebody who is in the room",
        { ...toInvite, standing: "joined" },
        wait(undefined, "waits_for_leave"),
    ],
    ["the same, of somebody who is banned", { ...toInvite, standing: "banned" }, over("invitee_banned")],
    ["the same, and a human has invited them meanwhile", { ...toInvite, standing: "another" }, over("superseded")],
    [
        "the same, and the bot has invited them",
        { ...toInvite, standing: "own" },
        { verdict: "not_needed", reason: "already_inviter" },
    ],
    [
        "the homeserver said yes, and nothing happened",
        { ...open, taken: true },
        wait(now + day / 4, "reinvite_ignored"),
    ],
    [
        "it said yes, and it happened",
        { ...open, taken: true, standing: "own" },
        { verdict: "not_needed", reason: "already_inviter" },
    ],
    ["another human invited since", { ...open, standing: "another" }, { verdict: "over", reason: "superseded" }],
    ["the setting says never", { ...open, setting: "never" }, { verdict: "never", reason: "sent_without_reinvite" }],
    [
        "a command does not change the setting",
        { ...open, setting: "never", asked: true },
        { verdict: "never", reason: "sent_without_reinvite" },
    ],
    ["a direct chat", { ...open, direct: true }, { verdict: "never", reason: "direct_chat" }],
    ["a direct chat, asked for by command", { ...open, direct: true, asked: true }, betterNow],
    ["the inviter's keys are better", worse, compared("coverage_incomplete")],
    [
        "the inviter's keys are better, when_complete",
        { ...worse, setting: "when_complete" },
        compared("coverage_incomplete"),
    ],
    ["what the bot holds is still being counted", uncounted, compared("coverage_unknown")],
    ["it is, when_complete", { ...uncounted, setting: "when_complete" }, compared("coverage_unknown")],
    ["the bot's keys are better, when_complete", { ...open, setting: "when_complete" }, betterNow],
    ["a command does not make the keys better", { ...worse, asked: true }, compared("coverage_incomplete")],
    ["the setting says always, and nothing is compared", { ...worse, setting: "always" }, makeNow],
    ["nor waited for", { ...uncounted, setting: "always" }, makeNow],
    ["two re-invites in a week", { ...open, repeatedAt: [now - day, now - 2 * day] }, betterNow],
    [
        "three",
        { ...open, repeatedAt: [now - 2 * day, now - 5 * day, now - day] },
        wait(now + 2 * day, "reinvited_often"),
    ],
    [
        "three, the first of them a week ago",
        { ...open, repeatedAt: [now - 7 * day, now - 2 * day, now - day] },
        betterNow,
    ],
    [
        "the homeserver's limits leave no room yet",
        { ...open, turn: { at: now + 1, reason: "invitee_paced" } },
        wait(now + 1, "invitee_paced"),
    ],
    [
        "it is its turn, but the inviter's keys are better",
        { ...worse, turn: { at: now + 1, reason: "invitee_paced" } },
        compared("coverage_incomplete"),
    ],
])("%s", (_, facts, decision) => {
    expect(decideReinvite(facts)).toEqual(decision);
});
