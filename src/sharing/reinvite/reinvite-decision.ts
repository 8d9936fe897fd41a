import type { SharingSettings } from "../../config/index.ts";
import type { ReasonOf, WaitingReason } from "../ledger/steps.ts";
import type { Comparison } from "../policy/compare.ts";

/** Everything that the decision looks at. Times are milliseconds since the epoch. */
export interface ReinviteFacts {
    readonly now: number;
    /**
     * `repeat`: the keys were sent, and a human's invite is repeated; `place_first`: the invitee has no device that
     * anybody's keys could have reached, so that the place comes before the keys; `invite`: a person asked the bot to
     * make the invite itself.
     */
    readonly purpose: "repeat" | "place_first" | "invite";
    readonly setting: SharingSettings["reinvite"];
    /** A person asked for this delivery by command. */
    readonly asked: boolean;
    /**
     * Which invite stands: the bot's own, the one that the job serves, another human's, or none; or they have joined,
     * or are banned.
     */
    readonly standing: "own" | "this" | "another" | "none" | "joined" | "banned";
    readonly direct: boolean;
    /** Whose bundle is the better one for the invitee. */
    readonly comparison: Comparison;
    /** The homeserver said yes to this very invite before. */
    readonly taken: boolean;
    /** Milliseconds to wait before an invite that the homeserver takes and does not make is tried again. */
    readonly retrialAfter: number;
    /** When the bot repeated other invites of this user to this room. */
    readonly repeatedAt: readonly number[];
    /**
     * The invite carries a mark that is not believed: whose, and when the bot repeated other such invites of this user.
     */
    readonly mark: { readonly sender: string; readonly repeatedAt: readonly number[] } | undefined;
    /** When the homeserver's limits leave room for the bot's own invite, and what it waits for until then. */
    readonly turn: { readonly at: number; readonly reason: WaitingReason };
}

/** `detail`: both sides of the comparison, where one was made; for `other_bot_not_listed`, which bot. */
export type ReinviteDecision =
    | { readonly verdict: "now"; readonly reason: WaitingReason; readonly detail?: string | undefined }
    /** The bot is the inviter of record already. */
    | { readonly verdict: "not_needed"; readonly reason: ReasonOf<"reinvited"> }
    /** `at` undefined: until the facts change. */
    | {
          readonly verdict: "wait";
          readonly at: number | undefined;
          readonly reason: WaitingReason;
          readonly detail?: string | undefined;
      }
    | { readonly verdict: "never"; readonly reason: ReasonOf<"delivered"> }
    /** There is no invite to repeat any more. */
    | { readonly verdict: "over"; readonly reason: ReasonOf<"cancelled"> };

/** Re-invites of one invitee into one room in a week; of marked ones: bots that do not know each other have to stop. */
const atMost = 3;
const atMostMarked = 1;
const week = 7 * 24 * 3_600_000;

/**
 * Whether the bot takes the place of the inviter of record now, and if not, why.
 * One list: what makes it needless or wrong, then what it could spoil, then how often, then when.
 */
export function decideReinvite(facts: ReinviteFacts): ReinviteDecision {
    const { now, purpose, standing, turn } = facts;
    if (standing === "own") return { verdict: "not_needed", reason: "already_inviter" };
    if (standing === "banned") return { verdict: "over", reason: "invitee_banned" };
    if (standing === "joined" && purpose === "invite")
        return { verdict: "wait", at: undefined, reason: "waits_for_leave" };
    if (standing === "joined") return { verdict: "over", reason: "joined_on_another_invite" };
    if (standing === "none" && purpose !== "invite") return { verdict: "over", reason: "invite_withdrawn" };
    if (standing === "another") return { verdict: "over", reason: "superseded" };
    if (facts.taken) return { verdict: "wait", at: now + facts.retrialAfter, reason: "reinvite_ignored" };
    if (purpose !== "invite") {
        const reason = whyNotRepeated(facts);
        if (reason !== undefined) return reason;
    }
    if (turn.at > now) return { verdict: "wait", at: turn.at, reason: turn.reason };
    return {
        verdict: "now",
        reason: "reinvite_asked",
        detail: isCompared(facts) ? facts.comparison.sentence : undefined,
    };
}

function whyNotRepeated(facts: ReinviteFacts): ReinviteDecision | undefined {
    if (facts.setting === "never") return { verdict: "never", reason: "sent_without_reinvite" };
    if (facts.direct && !facts.asked) return { verdict: "never", reason: "direct_chat" };
    if (isCompared(facts)) {
        // Of two bundles the invitee's client opens that of whoever invited last: ours has to be the better one.
        const { outcome, sentence: detail } = facts.comparison;
        if (outcome === "unknown") return { verdict: "wait", at: undefined, reason: "coverage_unknown", detail };
        if (outcome === "worse") return { verdict: "wait", at: undefined, reason: "coverage_incomplete", detail };
    }
    const nextOfTheWeek = endOfWeek(facts.repeatedAt, atMost);
    if (nextOfTheWeek > facts.now) return { verdict: "wait", at: nextOfTheWeek, reason: "reinvited_often" };
    const nextMarked = endOfWeek(facts.mark?.repeatedAt ?? [], atMostMarked);
    if (nextMarked > facts.now)
        return { verdict: "wait", at: nextMarked, reason: "other_bot_not_listed", detail: facts.mark?.sender };
    return undefined;
}

function isCompared({ purpose, setting }: ReinviteFacts): boolean {
    return purpose === "repeat" && (setting === "when_better" || setting === "when_complete");
}

/** When the oldest of the last so many has passed its week. */
function endOfWeek(repeatedAt: readonly number[], most: number): number {
    const oldest = repeatedAt.toSorted((one, other) => other - one)[most - 1];
    return oldest === undefined ? Number.NEGATIVE_INFINITY : oldest + week;
}
