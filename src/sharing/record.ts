import type { MembershipChange, Rooms } from "../rooms/index.ts";
import type { ShareJobs } from "./ledger/jobs.ts";
import type { ReinviteChecks } from "./reinvite/reinvite-check.ts";
import { repeatedInvite } from "./reinvite/reinvite-mark.ts";
import type { Reason } from "./ledger/reasons.ts";

export interface RecordParts {
    readonly botUserId: string;
    readonly jobs: ShareJobs;
    readonly checks: ReinviteChecks;
    readonly rooms: Pick<Rooms, "canInvite">;
}

/** Turns what a batch says of memberships into jobs and moves of jobs, in order; inside the transaction that stores the sync token. */
export function recordMemberships(parts: RecordParts, changes: readonly MembershipChange[]): void {
    for (const change of changes) {
        switch (change.membership) {
            case "invite":
                if (change.sender === parts.botUserId) recordOwnInvite(parts, change);
                else recordInvite(parts, change);
                break;
            case "join":
                recordJoin(parts, change);
                break;
            case "leave":
                cancelAll(parts, change, change.sender === change.userId ? "invite_declined" : "invite_withdrawn");
                break;
            case "ban":
                cancelAll(parts, change, "invitee_banned");
                break;
            default:
                break;
        }
    }
}

/** The bot is out of the room: nothing there can be delivered any more. */
export function recordOwnLeave(parts: Pick<RecordParts, "jobs">, roomId: string): void {
    for (const job of parts.jobs.open(roomId)) parts.jobs.end(job, "bot_left");
}

/** Jobs that waited for the power to invite go on once it is there. */
export function releaseEmpowered(parts: RecordParts): void {
    const held = parts.jobs.held("no_power_to_invite");
    const rooms = [...new Set(held.map(({ roomId }) => roomId))];
    const empowered = new Set(rooms.filter((roomId) => parts.rooms.canInvite(roomId, parts.botUserId)));
    for (const job of held) if (empowered.has(job.roomId)) parts.jobs.release(job, "power_granted");
}

/**
 * Jobs that found nothing to share go on when keys of their room come, as long as their invite stands.
 * @param roomIds where keys came, or may have come while nobody looked
 */
export function releaseEmptyHanded(
    { jobs, rooms }: { readonly jobs: ShareJobs; readonly rooms: Pick<Rooms, "member"> },
    roomIds: readonly string[],
): void {
    for (const job of jobs.emptyHanded(roomIds)) {
        const member = rooms.member(job.roomId, job.userId);
        if (member?.membership === "invite" && member.eventId === job.inviteEventId) jobs.release(job, "keys_arrived");
    }
}

function recordInvite({ jobs }: RecordParts, { roomId, userId, sender, eventId, event }: MembershipChange): void {
    // An invite that stood when the bot came back is told again.
    const known = jobs.ofInvite(roomId, userId, eventId);
    if (known?.state === "cancelled" && known.reason === "bot_left") jobs.release(known, "bot_returned");
    if (known !== undefined) return;
    for (const older of jobs.open(roomId, userId)) jobs.end(older, older.state === "joined" ? "left_again" : "superseded");
    jobs.create({
        roomId,
        userId,
        inviter: sender,
        origin: "invite",
        inviteEventId: eventId,
        byAnotherBot: repeatedInvite(event.content) !== undefined,
    });
}

/** The echo of a re-invite: it has to stand in the place of the invite that it repeats, and of nothing else. */
function recordOwnInvite({ jobs, checks }: RecordParts, { roomId, userId, eventId, event, previous }: MembershipChange): void {
    // Two bots that invited in the same moment: another's came in between, and ours is the one that stands.
    const newest = jobs.newest(roomId, userId);
    if (newest?.state === "refused" && newest.reason === "reinvited_by_another_bot") jobs.release(newest, "reinvite_stands");

    const repeated = repeatedInvite(event.content);
    const replaced = event.replacesState ?? previous?.eventId;
    // Where nobody says what was replaced, the read just before the re-invite has to do: taking back a good invite would be worse.
    if (repeated === undefined || replaced === undefined || replaced === repeated) return;
    const job = jobs.ofInvite(roomId, userId, repeated);
    if (job !== undefined) checks.add({ eventId, jobId: job.id, replacedEventId: replaced });
}

function recordJoin({ jobs }: RecordParts, { roomId, userId }: MembershipChange): void {
    const expired = jobs.expired(roomId, userId);
    for (const job of [...jobs.open(roomId, userId), ...(expired === undefined ? [] : [expired])]) {
        // A member who changes their name joins once more.
        if (job.state === "joined") continue;
        // What matters is not where the job stands: a hold may have come after the keys were sent.
        if (jobs.wasSent(job.id)) jobs.move(job, "joined", "joined");
        else if (job.state !== "expired") jobs.move(job, "cancelled", "joined_before_delivery");
    }
}

function cancelAll({ jobs }: RecordParts, { roomId, userId }: MembershipChange, reason: Reason): void {
    for (const job of jobs.open(roomId, userId)) jobs.end(job, job.state === "joined" ? "left_again" : reason);
}
