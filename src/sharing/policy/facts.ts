import type { SharingSettings } from "../../config/index.ts";
import { serverOf } from "../../matrix/index.ts";
import type { Rooms, Standing } from "../../rooms/index.ts";
import type { Audit } from "../ledger/audit.ts";
import type { ShareFacts } from "./decide.ts";
import { isToInvite, type Job } from "../ledger/job.ts";
import type { Lookalikes } from "./lookalike.ts";
import type { Pauses } from "./pauses.ts";
import { isReordered } from "./skeletons.ts";

/** The settings of one room that the decision looks at. */
export type SharingPolicy = Pick<
    SharingSettings,
    | "mode"
    | "reinvite"
    | "reinvite_thresholds"
    | "reinvite_pace"
    | "trusted_servers"
    | "other_bots"
    | "max_invitees_per_hour"
    | "max_sessions"
    | "max_age"
>;

export interface FactSources {
    readonly botUserId: string;
    readonly rooms: Pick<Rooms, "room" | "member" | "membersWith" | "joinedRevision" | "canInvite" | "standing">;
    readonly pauses: Pick<Pauses, "covers">;
    /**
     * Whether the bot's own device is signed by the identity that the homeserver publishes for it, as was heard last.
     */
    readonly isCrossSigned: () => boolean;
    readonly policy: (roomId: string) => SharingPolicy;
    readonly audit: Pick<Audit, "others" | "gave">;
    readonly lookalikes: Pick<Lookalikes, "find">;
    readonly now: () => number;
}

/** Milliseconds. */
const hour = 3_600_000;

/** Gathers what `decide` looks at, as of the last recorded batch. */
export function gatherFacts(sources: FactSources, job: Job, identity: ShareFacts["invitee"]["identity"]): ShareFacts {
    const { rooms, botUserId } = sources;
    const room = rooms.room(job.roomId);
    const invitee = rooms.member(job.roomId, job.userId);
    const policy = sources.policy(job.roomId);
    const awaited = job.state === "joined" ? "join" : isToInvite(job) ? "any" : "invite";
    const given = sources.audit.gave(job.id);
    return {
        origin: job.origin,
        approved: job.approved,
        paused: sources.pauses.covers(job.roomId),
        crossSigned: sources.isCrossSigned(),
        mode: policy.mode,
        room: {
            joined: room?.membership === "join",
            encryption: room?.encryption ?? "unknown",
            visibility: room?.visibility ?? "unknown",
            crowded: !given && isCrowded(),
        },
        invitee: {
            membership: invitee?.membership ?? "none",
            awaited,
            account: job.account === "late" ? "late" : "there",
            identity,
            resembles: given ? undefined : resembles(),
            reordered: !given && isReordered(`${invitee?.displayName ?? ""} ${job.userId}`),
            redeemed: job.byThirdParty,
        },
        inviter: {
            trusted: job.makesInvite || policy.trusted_servers.includes(serverOf(job.inviter)),
            isAnotherBot: isBelieved(job, policy) && awaited !== "join" && !isOwnInvite(),
            standing: inviterStanding(sources, job),
            mayInvite: policy.mode === "approval" ? inviterMayInvite(sources, job) : undefined,
        },
        reinvite: reinviteFact(),
    };

    function isCrowded(): boolean {
        const now = sources.now();
        return sources.audit.others(job, now - hour, now) >= policy.max_invitees_per_hour;
    }

    /**
     * Who invites somebody takes them for nobody but themselves: an inviter's own second account is none of our
     * business. Nor is the member whom a person was told of: but there may be another one by now.
     */
    function resembles(): string | undefined {
        const { roomId, userId } = job;
        const members = {
            roomId,
            revision: rooms.joinedRevision(roomId),
            list: () => rooms.membersWith(roomId, "join"),
        };
        const known = job.approved.flatMap(({ reason, detail }) =>
            reason === "looks_like_member" && detail !== undefined ? [detail] : [],
        );
        return sources.lookalikes.find(invitee ?? { userId }, members, [job.inviter, ...known]);
    }

    function reinviteFact(): ShareFacts["reinvite"] {
        if (awaited === "join" || isOwnInvite()) return "not_needed";
        if (awaited === "any") return rooms.canInvite(job.roomId, botUserId) ? "possible" : "no_power";
        if (policy.reinvite === "never") return "not_needed";
        if (invitee?.isDirect === true && job.origin === "invite") return "not_needed";
        return rooms.canInvite(job.roomId, botUserId) ? "possible" : "no_power";
    }

    function isOwnInvite(): boolean {
        return invitee?.membership === "invite" && invitee.sender === botUserId;
    }
}

/** A mark is believed of a bot that the configuration names, whose event took the place of the invite that it names. */
function isBelieved({ inviter, replacesNamed }: Job, policy: SharingPolicy): boolean {
    return replacesNamed && policy.other_bots.includes(inviter);
}

type InviterSources = Pick<FactSources, "botUserId"> & {
    readonly rooms: Pick<FactSources["rooms"], "standing" | "canInvite">;
};

/** How the inviter stands in the room now. For an invite that the bot makes itself it is a person who asks. */
export function inviterStanding(
    { rooms, botUserId }: InviterSources,
    { roomId, inviter }: Pick<Job, "roomId" | "inviter">,
): Standing {
    return inviter === botUserId ? "joined" : rooms.standing(roomId, inviter);
}

export function inviterMayInvite(
    { rooms, botUserId }: InviterSources,
    { roomId, inviter }: Pick<Job, "roomId" | "inviter">,
): boolean {
    return inviter === botUserId || rooms.canInvite(roomId, inviter);
}
