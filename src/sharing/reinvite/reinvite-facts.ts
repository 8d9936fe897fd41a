import type { RunningClock } from "../../due/index.ts";
import type { RoomEvent } from "../../matrix/index.ts";
import type { FactSources, SharingPolicy } from "../policy/facts.ts";
import type { Comparison } from "../policy/compare.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";
import { retrialDelay } from "../ledger/schedule.ts";
import type { ReinviteFacts } from "./reinvite-decision.ts";
import type { ReinviteLedger } from "./reinvite-ledger.ts";

/** What has just been asked of others; undefined: nobody was. */
export interface Asked {
    /** Whether the bot holds a shareable key that a known event of the room uses. */
    readonly usable?: boolean | undefined;
    /** Whether the inviter has a signed device, by a fresh answer of their own homeserver. */
    readonly inviterHasSignedDevice?: boolean | undefined;
}

/** What the bot can hand on of a room's history, against what its inviter might. */
export interface SharedHistory {
    /** Whose bundle is the better one, by the room's last count and by what is known of the inviter's client. */
    compare(roomId: string, inviter: string, policy: SharingPolicy, asked: Asked): Comparison;
}

export interface ReinviteFactSources {
    readonly facts: FactSources;
    readonly history: SharedHistory;
    readonly reinvites: Pick<ReinviteLedger, "repeatedAt">;
    readonly jobs: Pick<ShareJobs, "timesMoved">;
    readonly clock: Pick<RunningClock, "now">;
}

/** How the invitee stands in the room, as the last batch or the homeserver says. */
export interface Standing {
    readonly membership: unknown;
    readonly sender: string;
    readonly eventId: string;
    readonly isDirect: boolean;
}

/** What is asked for, and what was asked about it before the first decision. */
export interface Attempt {
    readonly purpose: ReinviteFacts["purpose"];
    readonly asked: Asked;
}

/**
 * Gathers what `decideReinvite` looks at; whose turn it is, and whether an invite was taken before, is for the caller
 * to add.
 */
export function gatherReinviteFacts(
    sources: ReinviteFactSources,
    job: Job,
    { purpose, asked }: Attempt,
    member: Standing | undefined,
): ReinviteFacts {
    const { facts, history, reinvites, jobs } = sources;
    const now = sources.clock.now();
    const policy = facts.policy(job.roomId);
    return {
        now,
        purpose,
        setting: policy.reinvite,
        asked: job.origin === "command",
        standing: whose(member),
        direct: member?.isDirect === true,
        comparison: history.compare(job.roomId, job.inviter, policy, asked),
        taken: false,
        retrialAfter: retrialDelay(jobs.timesMoved(job.id, "reinvite_ignored")),
        repeatedAt: reinvites.repeatedAt(job, now),
        mark: job.byAnotherBot
            ? { sender: job.inviter, repeatedAt: reinvites.repeatedAt(job, now, "marked") }
            : undefined,
        turn: { at: now, reason: "reinvite_paced" },
    };

    function whose(standing: Standing | undefined): ReinviteFacts["standing"] {
        if (standing?.membership === "join") return "joined";
        if (standing?.membership === "ban") return "banned";
        if (standing?.membership !== "invite") return "none";
        if (standing.sender === facts.botUserId) return "own";
        return standing.eventId === job.inviteEventId ? "this" : "another";
    }
}

export function standing({ content, sender, eventId }: RoomEvent): Standing {
    return { membership: content["membership"], sender, eventId, isDirect: content["is_direct"] === true };
}
