import type { ShareJobs } from "./ledger/jobs.ts";
import { type Reason, reasons } from "./ledger/reasons.ts";
import { decide, needsRelease } from "./policy/decide.ts";
import { type FactSources, gatherFacts } from "./policy/facts.ts";
import { inviteStands } from "./policy/invite-stands.ts";

/** What `decide` refuses for the room's or the configuration's sake, and not for the invitee's. */
export const refusedForTheRoom: readonly Reason[] = [
    "sharing_off",
    "only_by_command",
    "room_not_encrypted",
    "visibility_not_shared",
    "reinvited_by_another_bot",
];

interface Parts {
    readonly jobs: Pick<ShareJobs, "refused" | "placesTaken" | "newest" | "release" | "move">;
    readonly facts: FactSources;
}

/**
 * Rooms, the configuration or pauses may be others now: what was refused for their sake goes on while its invite
 * stands, and where the bot is the inviter of record and may not send any more, its job says so. Inside a transaction
 * of the caller's.
 * @param roomIds where that may be so; undefined: anywhere
 */
export function reconsiderRooms(parts: Parts, roomIds?: readonly string[]): void {
    releaseReopened(parts, roomIds);
    noteBlockedPlaces(parts, roomIds);
}

function releaseReopened({ jobs, facts }: Parts, roomIds: readonly string[] | undefined): void {
    for (const job of jobs.refused(refusedForTheRoom, roomIds)) {
        const { roomId, userId } = job;
        if (!isOpen(facts, roomId) || !inviteStands(job, facts.rooms.member(roomId, userId), facts.botUserId)) continue;
        if (jobs.newest(roomId, userId)?.id !== job.id) continue;
        const { verdict } = decide(gatherFacts(facts, job, "not_asked"));
        if (verdict !== "refuse") jobs.release(job, "room_opened");
    }
}

/** Worth a look at each job: most rooms that refuse go on to. */
function isOpen({ rooms, policy }: FactSources, roomId: string): boolean {
    const room = rooms.room(roomId);
    const isClosed = room?.visibility === "joined" || room?.visibility === "invited";
    return room?.encryption === "encrypted" && !isClosed && policy(roomId).mode !== "off";
}

/** Nobody else's keys would be opened: people have to know. The watch goes on with them when it may. */
function noteBlockedPlaces({ jobs, facts }: Parts, roomIds: readonly string[] | undefined): void {
    for (const job of jobs.placesTaken(roomIds)) {
        const decision = decide(gatherFacts(facts, job, "not_asked"));
        // What a person has to release is asked when there is a device.
        if (decision.verdict !== "go" && !needsRelease(decision))
            jobs.move(job, "reinvited", "place_blocked", undefined, reasons[decision.reason]);
    }
}
