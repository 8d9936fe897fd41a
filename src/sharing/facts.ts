import type { SharingSettings } from "../config/index.ts";
import { serverOf } from "../matrix/index.ts";
import type { Rooms } from "../rooms/index.ts";
import type { ShareFacts } from "./decide.ts";
import type { Job } from "./jobs.ts";
import type { Pauses } from "./pauses.ts";

/** The settings of one room that the decision looks at. */
export type SharingPolicy = Pick<SharingSettings, "mode" | "reinvite" | "trusted_servers">;

export interface FactSources {
    readonly botUserId: string;
    readonly rooms: Pick<Rooms, "room" | "member" | "canInvite">;
    readonly pauses: Pick<Pauses, "covers">;
    readonly policy: (roomId: string) => SharingPolicy;
}

/** Gathers what `decide` looks at, as of the last recorded batch. */
export function gatherFacts(sources: FactSources, job: Job, identity: ShareFacts["invitee"]["identity"]): ShareFacts {
    const { rooms, botUserId } = sources;
    const room = rooms.room(job.roomId);
    const invitee = rooms.member(job.roomId, job.userId);
    const policy = sources.policy(job.roomId);
    const servedBeforeJoin = job.state === "joined";
    return {
        origin: job.origin,
        approved: job.approved,
        paused: sources.pauses.covers(job.roomId),
        mode: policy.mode,
        room: {
            joined: room?.membership === "join",
            encryption: room?.encryption ?? "unknown",
            visibility: room?.visibility ?? "unknown",
        },
        invitee: { membership: invitee?.membership ?? "none", servedBeforeJoin, identity },
        inviter: { trusted: policy.trusted_servers.includes(serverOf(job.inviter)), isAnotherBot: job.byAnotherBot },
        reinvite: reinviteFact(),
    };

    function reinviteFact(): ShareFacts["reinvite"] {
        if (servedBeforeJoin || policy.reinvite === "never" || invitee?.sender === botUserId) return "not_needed";
        return rooms.canInvite(job.roomId, botUserId) ? "possible" : "no_power";
    }
}
