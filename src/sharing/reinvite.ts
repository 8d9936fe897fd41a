import type { Homeserver } from "../homeserver/index.ts";
import { HomeserverError } from "../homeserver/index.ts";
import { parseRoomEvent, type RoomEvent } from "../matrix/index.ts";
import type { FactSources } from "./facts.ts";
import { pass } from "./gate.ts";
import { Halt } from "./halt.ts";
import type { Job, ShareJobs } from "./jobs.ts";
import { reinviteContent } from "./reinvite-mark.ts";
import type { Reason } from "./reasons.ts";

export interface ReinviteParts {
    readonly facts: FactSources;
    readonly jobs: Pick<ShareJobs, "get">;
    readonly homeserver: Pick<Homeserver, "memberEvent" | "putMember">;
}

/**
 * Makes the bot the inviter of record, so that the invitee's client opens the bot's bundle.
 * The homeserver has no conditional write, so the window is kept small here and closed by `reinvite-check.ts`.
 * Source: MSC4268, "Actions as a receiving client": only the inviter's bundle is accepted.
 * @returns why the delivery is complete
 * @throws Halt
 */
export async function reinvite(parts: ReinviteParts, job: Job): Promise<Reason> {
    try {
        return await takePlace(parts, job);
    } catch (error) {
        // Power or membership was lost a moment ago: the sync will say so.
        if (error instanceof HomeserverError && error.problem.kind === "forbidden")
            throw new Halt("retry", "homeserver_unavailable", { cause: error });
        throw error;
    }
}

async function takePlace(parts: ReinviteParts, job: Job): Promise<Reason> {
    const { botUserId, policy } = parts.facts;

    // 1. The keys are out; a pause or a closed room still keeps the bot from inviting.
    pass(parts, job, "as_pinned");

    // 2. The server's word of this very moment: what /sync told us may be a second old.
    const current = parseRoomEvent(await parts.homeserver.memberEvent(job.roomId, job.userId));
    if (current?.sender === botUserId && membershipOf(current) === "invite") return "already_inviter";
    if (policy(job.roomId).reinvite === "never") return "sent_without_reinvite";
    if (current === undefined || membershipOf(current) !== "invite") throw new Halt("cancelled", "invite_withdrawn");
    if (current.eventId !== job.inviteEventId) throw new Halt("cancelled", "superseded");

    // 3. The answer may have taken hours: whether this is still wanted. Nothing between this look, the read and the write.
    pass(parts, job, "as_pinned");
    await parts.homeserver.putMember(
        job.roomId,
        job.userId,
        reinviteContent(current.content, { eventId: job.inviteEventId, inviter: job.inviter }),
    );
    return "reinvited";
}

function membershipOf(event: RoomEvent): unknown {
    return event.content["membership"];
}
