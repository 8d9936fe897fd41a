import type { HistoryVisibility, Membership } from "../../matrix/index.ts";
import type { Standing } from "../../rooms/index.ts";
import type { Approval } from "../ledger/jobs.ts";
import type { Reason } from "../ledger/reasons.ts";
import type { ReasonOf, WaitingReason } from "../ledger/steps.ts";

/** Everything that the decision looks at, as known at this moment. */
export interface ShareFacts {
    /** Who asked: an invite that the server told us of, or a person at the command line. */
    readonly origin: "invite" | "command";
    /** What a person released this very job from, having been told of it. */
    readonly approved: readonly Approval[];
    readonly paused: boolean;
    /** The bot's own device is signed by the identity that the homeserver publishes for it, as was heard last. */
    readonly crossSigned: boolean;
    readonly mode: "automatic" | "approval" | "command" | "off";
    readonly room: {
        readonly joined: boolean;
        readonly encryption: "encrypted" | "plain" | "unknown";
        readonly visibility: HistoryVisibility | "unknown";
        /**
         * As many others as `sharing.max_invitees_per_hour` allows were given keys in the last hour, and this invitee
         * none.
         */
        readonly crowded: boolean;
    };
    readonly invitee: {
        readonly membership: Membership | "none" | "unknown";
        /**
         * Where their client opens what the bot sends: `invite`, while invited; `join`, having joined on the bot's own
         * invite; `any`, as the bot is still to make the invite itself.
         */
        readonly awaited: "invite" | "join" | "any";
        /** `late`: their user ID was nobody's when they were invited, and somebody registered it long after. */
        readonly account: "there" | "late";
        /** `not_asked`: the server has not been asked for the invitee's keys yet. */
        readonly identity: "not_asked" | "none" | "as_pinned" | "changed";
        /**
         * The member for whom people could take the invitee, unless that member made the invite, a person knows of it,
         * or the keys were given before.
         */
        readonly resembles: string | undefined;
        /**
         * Invisible characters have their name shown in another order than it is written in, and the keys were not
         * given before.
         */
        readonly reordered: boolean;
        /** Somebody invited an e-mail address or a phone number, and this user redeemed that. */
        readonly redeemed: boolean;
    };
    readonly inviter: {
        readonly trusted: boolean;
        /** A bot that the configuration names, whose invite took the place of the one that it says it repeats. */
        readonly isAnotherBot: boolean;
        /** In the room, now. */
        readonly standing: Standing;
        /** The same of their power; undefined: nobody asks, as no person has to approve. */
        readonly mayInvite: boolean | undefined;
    };
    /**
     * Whether keys without a re-invite are of use: by the setting, or because the bot is the inviter of record already.
     */
    readonly reinvite: "not_needed" | "possible" | "no_power";
}

type InviterNow = Pick<ShareFacts["inviter"], "standing" | "mayInvite">;

export type Decision =
    | { readonly verdict: "go" }
    | { readonly verdict: "wait"; readonly reason: WaitingReason }
    /** `detail`: what of the facts a person has to know; for `looks_like_member`, who. */
    | { readonly verdict: "hold"; readonly reason: ReasonOf<"held">; readonly detail?: string | undefined }
    | { readonly verdict: "refuse"; readonly reason: ReasonOf<"refused"> };

export const go: Decision = { verdict: "go" };
export const wait = (reason: WaitingReason): Decision => ({ verdict: "wait", reason });
export const hold = (reason: ReasonOf<"held">, detail?: string): Decision => ({
    verdict: "hold",
    reason,
    ...(detail === undefined ? {} : { detail }),
});
export const refuse = (reason: ReasonOf<"refused">): Decision => ({ verdict: "refuse", reason });

/**
 * Whether an invitee is given the room's shareable keys now, and if not, why. One list, in the order in which a person
 * would ask. What can never be right is refused before what a human may release is held; a command asks, and releases
 * nothing. Source: Matrix v1.19, "Sharing keys between users"; MSC4268, "Security considerations".
 */
export function decide(facts: ShareFacts): Decision {
    const { room, invitee, inviter } = facts;
    if (facts.mode === "off") return refuse("sharing_off");
    if (facts.mode === "command" && facts.origin === "invite" && facts.approved.length === 0)
        return refuse("only_by_command");
    if (!room.joined) return refuse("not_in_room");
    if (room.encryption === "unknown" || room.visibility === "unknown") return wait("room_state_unknown");
    if (invitee.membership === "unknown") return wait("room_state_unknown");
    if (inviter.standing === "unknown") return wait("room_state_unknown");
    if (room.encryption === "plain") return refuse("room_not_encrypted");
    if (!opensHistory(room.visibility)) return refuse("visibility_not_shared");
    if (invitee.membership === "ban") return refuse("invitee_banned");
    if (invitee.awaited !== "any" && invitee.membership !== invitee.awaited) return refuse("not_invited");
    if (inviter.isAnotherBot) return refuse("reinvited_by_another_bot");
    if (invitee.identity === "none") return refuse("no_identity");
    if (facts.paused) return hold("paused");
    if (!facts.crossSigned) return wait("bot_not_cross_signed");
    if (invitee.identity === "changed") return hold("identity_changed");
    if (facts.reinvite === "no_power") return hold("no_power_to_invite");
    if (invitee.account === "late" && !isApproved(facts, "account_appeared_late")) return hold("account_appeared_late");
    // First of what an approval releases: many jobs are approved at once for other reasons, these never unseen.
    if (isForRemoved(facts)) return hold("inviter_removed");
    if (invitee.redeemed && !isApproved(facts, "invited_by_third_party")) return hold("invited_by_third_party");
    const { resembles } = invitee;
    if (resembles !== undefined && !isApproved(facts, "looks_like_member", resembles))
        return hold("looks_like_member", resembles);
    if (invitee.reordered && !isApproved(facts, "name_reordered")) return hold("name_reordered");
    if (!inviter.trusted && !isApproved(facts, "inviter_server_not_trusted")) return hold("inviter_server_not_trusted");
    // Whatever was approved, a person has looked at this job, and needs no limit to how many they look at.
    if (facts.mode === "approval")
        return facts.approved.length > 0 ? go : hold("waits_for_approval", changeInWords(inviter));
    if (room.crowded && !isApproved(facts, "too_many_invitees")) return hold("too_many_invitees");
    return go;
}

/** The inviter was kicked or banned, and no person has said that the invite counts all the same. */
export function isForRemoved({
    inviter,
    approved,
}: Pick<ShareFacts, "approved"> & { readonly inviter: Pick<InviterNow, "standing"> }): boolean {
    return inviter.standing === "removed" && !approved.some(({ reason }) => reason === "inviter_removed");
}

/** Who has left, or may not invite any more, had the right when they used it: the invite counts, and it is told. */
export function changeSince({ standing, mayInvite }: InviterNow): keyof typeof changes | undefined {
    if (standing === "left") return "inviter_left";
    return standing === "joined" && mayInvite === false ? "inviter_powerless" : undefined;
}

/** The same for whoever approves. */
export function changeInWords(inviter: InviterNow): string | undefined {
    const change = changeSince(inviter);
    return change === undefined ? undefined : changes[change];
}

const changes = {
    inviter_left: "the inviter has left the room",
    inviter_powerless: "the inviter may not invite any more",
} as const satisfies Partial<Record<Reason, string>>;

/** Held for what a person may release, or has to put right; a pause is a person's own act. */
export function needsRelease(decision: Decision): boolean {
    return decision.verdict === "hold" && decision.reason !== "paused";
}

/** An approval covers what the person was told, and nothing that came later. */
function isApproved({ approved }: ShareFacts, reason: Reason, detail?: string): boolean {
    return approved.some((approval) => approval.reason === reason && approval.detail === detail);
}

/** Source: Matrix v1.19, "Sharing keys between users": with `invited` or `joined`, nothing is shared. */
function opensHistory(visibility: HistoryVisibility): boolean {
    switch (visibility) {
        case "shared":
        case "world_readable":
            return true;
        case "invited":
        case "joined":
            return false;
    }
}
