import type { MembershipChange, Rooms } from "../rooms/index.ts";
import type { Job, ShareJobs } from "./ledger/jobs.ts";
import type { ReinviteChecks } from "./reinvite/reinvite-check.ts";
import { repeatedInvite } from "./reinvite/reinvite-mark.ts";
import type { Reason } from "./ledger/reasons.ts";
import { isOpen } from "./ledger/states.ts";

export interface RecordParts {
    readonly botUserId: string;
    readonly jobs: ShareJobs;
    readonly checks: ReinviteChecks;
    readonly rooms: Pick<Rooms, "canInvite" | "room">;
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
                recordLeave(parts, change);
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
    const { jobs } = parts;
    // Where the bot took the place of the inviter and had nothing sent yet, nobody else's keys will be opened: somebody has to know.
    for (const job of jobs.open(roomId)) jobs.end(job, job.state === "reinvited" && !jobs.wasSent(job.id) ? "place_left" : "bot_left");
}

/** Jobs that waited for the power to invite go on once it is there. */
export function releaseEmpowered(parts: RecordParts): void {
    const held = parts.jobs.held("no_power_to_invite");
    const rooms = [...new Set(held.map(({ roomId }) => roomId))];
    const empowered = new Set(rooms.filter((roomId) => parts.rooms.canInvite(roomId, parts.botUserId)));
    for (const job of held) if (empowered.has(job.roomId)) parts.jobs.release(job, "power_granted");
}

/** The same for jobs that found keys and no message that uses them: to be called when one that does was counted in this room. */
export function releaseOnceUsed(
    { jobs, rooms }: { readonly jobs: ShareJobs; readonly rooms: Pick<Rooms, "member"> },
    roomId: string,
): void {
    releaseStanding({ jobs, rooms }, jobs.refused(["nothing_used_yet"], [roomId]));
}

/**
 * Jobs that found nothing to share go on when keys of their room come, as long as their invite stands.
 * @param roomIds where keys came, or may have come while nobody looked
 */
export function releaseEmptyHanded(
    { jobs, rooms }: { readonly jobs: ShareJobs; readonly rooms: Pick<Rooms, "member"> },
    roomIds: readonly string[],
): void {
    releaseStanding({ jobs, rooms }, jobs.emptyHanded(roomIds));
}

function releaseStanding(
    { jobs, rooms }: { readonly jobs: ShareJobs; readonly rooms: Pick<Rooms, "member"> },
    refused: readonly Job[],
): void {
    for (const job of refused) {
        const member = rooms.member(job.roomId, job.userId);
        if (member?.membership === "invite" && member.eventId === job.inviteEventId) jobs.release(job, "keys_arrived");
    }
}

function recordInvite({ jobs }: RecordParts, { roomId, userId, sender, eventId, event }: MembershipChange): void {
    // An invite that stood when the bot came back is told again.
    const known = jobs.ofInvite(roomId, userId, eventId);
    const botLeft = known?.reason === "bot_left" || known?.reason === "place_left";
    if (known?.state === "cancelled" && botLeft) jobs.release(known, "bot_returned");
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

/** The echo of the bot's own invite: what was asked for has happened. */
function recordOwnInvite({ jobs, checks }: RecordParts, { roomId, userId, eventId, event, previous }: MembershipChange): void {
    // Two bots that invited in the same moment: another's came in between, and ours is the one that stands.
    const newest = jobs.newest(roomId, userId);
    if (newest?.state === "refused" && newest.reason === "reinvited_by_another_bot") jobs.release(newest, "reinvite_stands");

    const repeated = repeatedInvite(event.content);
    if (repeated === undefined) return;
    const made = repeated === "" ? jobs.toInvite(roomId, userId) : undefined;
    if (made !== undefined) jobs.inviteMade(made, eventId);
    const job = made ?? jobs.ofInvite(roomId, userId, repeated);
    if (job === undefined) return;
    confirmPlace(jobs, job);

    // It has to stand in the place of the invite that it repeats, and of nothing else. Where nobody says what was replaced, the read just
    // before has to do: taking back a good invite would be worse.
    const replaced = event.replacesState ?? previous?.eventId;
    if (made !== undefined || replaced === undefined || replaced === repeated) return;
    checks.add({ eventId, jobId: job.id, replacedEventId: replaced });
}

/** The bot is seen to be the inviter of record. */
function confirmPlace(jobs: ShareJobs, job: Job): void {
    if (job.state !== "queued" && job.state !== "delivering" && job.state !== "delivered") return;
    const isSent = jobs.wasSent(job.id);
    const reason = !isSent ? "waits_for_device" : job.makesInvite ? "invited_by_bot" : "reinvited";
    // Why the bot's bundle was found to be the better one.
    const detail = job.reason === "sent" || job.reason === "reinvite_asked" ? job.detail : undefined;
    jobs.move(job, "reinvited", reason, undefined, isSent ? detail : undefined);
}

/** A client opens the keys of whoever sent the invite on which it joined, and nobody else's. Source: MSC4268, "Actions as a receiving client". */
function recordJoin(parts: RecordParts, change: MembershipChange): void {
    const { jobs, botUserId } = parts;
    const { previous } = change;
    const inviter = previous?.membership === "invite" ? previous.sender : undefined;
    const waiting = waitingForJoin(jobs, change);
    if (inviter === undefined && waiting.length === 0) return recordArrival(parts, change);
    for (const job of waiting) {
        if (inviter === botUserId) {
            // A hold stays a hold.
            if (job.state === "held") jobs.noteJoin(job);
            else jobs.move(job, "joined", "joined");
        } else {
            const reason = jobs.wasSent(job.id) ? "joined_on_another_invite" : "joined_before_delivery";
            jobs.move(job, "cancelled", reason, undefined, inviter);
        }
    }
}

/** Of the user's jobs those that a join concerns: the open ones, and the newest, which may have come to an end that heals. */
function waitingForJoin(jobs: ShareJobs, { roomId, userId }: MembershipChange): readonly Job[] {
    const newest = jobs.newest(roomId, userId);
    const ended = newest !== undefined && ["refused", "expired", "failed"].includes(newest.state) ? [newest] : [];
    return [...jobs.open(roomId, userId), ...ended].filter(
        // A member who changes their name joins once more; who came without the invite that the bot is to make still gets it.
        ({ state, reason, makesInvite, inviteEventId }) =>
            state !== "joined" && reason !== "joined_without_invite" && !(makesInvite && inviteEventId === ""),
    );
}

/** Somebody came without an invite: nobody could give them anything, and people should see that. */
function recordArrival({ jobs, rooms }: RecordParts, { roomId, userId, eventId, foundAtJoin }: MembershipChange): void {
    const room = rooms.room(roomId);
    if (foundAtJoin || room?.encryption !== "encrypted") return;
    const newest = jobs.newest(roomId, userId);
    if (newest !== undefined && (newest.reason === "joined_without_invite" || isOpen(newest.state))) return;
    const came = { roomId, userId, inviter: userId, origin: "invite", inviteEventId: eventId, byAnotherBot: false } as const;
    const job = jobs.create(came);
    if (job !== undefined) jobs.move(job, "refused", "joined_without_invite");
}

function recordLeave({ jobs }: RecordParts, { roomId, userId, sender }: MembershipChange): void {
    const reason = sender === userId ? "invite_declined" : "invite_withdrawn";
    for (const job of jobs.open(roomId, userId)) {
        const isToInvite = job.makesInvite && job.inviteEventId === "";
        if (!isToInvite) jobs.end(job, job.state === "joined" ? "left_again" : reason);
        else if (job.reason === "waits_for_leave") jobs.move(job, "delivered", "sent", jobs.now());
    }
}

function cancelAll({ jobs }: RecordParts, { roomId, userId }: MembershipChange, reason: Reason): void {
    for (const job of jobs.open(roomId, userId)) jobs.end(job, job.state === "joined" ? "left_again" : reason);
}
