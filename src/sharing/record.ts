import type { MembershipChange, Rooms } from "../rooms/index.ts";
import { isToInvite, type Job } from "./ledger/job.ts";
import type { ShareJobs } from "./ledger/jobs.ts";
import type { ReinviteChecks } from "./reinvite/reinvite-check.ts";
import { inviteStands } from "./policy/invite-stands.ts";
import { originOf, repeatedInvite } from "./reinvite/reinvite-mark.ts";
import { isOpen } from "./ledger/states.ts";
import type { ReasonOf } from "./ledger/steps.ts";

export interface RecordParts {
    readonly botUserId: string;
    readonly jobs: ShareJobs;
    readonly checks: ReinviteChecks;
    readonly rooms: Pick<Rooms, "canInvite" | "room">;
}

/**
 * Turns what a batch says of memberships into jobs and moves of jobs, in order; inside the transaction that stores the
 * sync token.
 */
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
    // Where the bot took the place of the inviter and had nothing sent yet, nobody else's keys will be opened: somebody
    // has to know.
    for (const job of jobs.open(roomId)) {
        const reason = job.placeTaken && !jobs.wasSent(job.id) ? "place_left" : "bot_left";
        jobs.end(job, reason, reason);
    }
}

/** Jobs that waited for the power to invite go on once it is there. */
export function releaseEmpowered(parts: RecordParts): void {
    const held = parts.jobs.held("no_power_to_invite");
    const rooms = [...new Set(held.map(({ roomId }) => roomId))];
    const empowered = new Set(rooms.filter((roomId) => parts.rooms.canInvite(roomId, parts.botUserId)));
    for (const job of held) if (empowered.has(job.roomId)) parts.jobs.release(job, "power_granted");
}

interface ReleaseParts {
    readonly jobs: ShareJobs;
    readonly facts: { readonly botUserId: string; readonly rooms: Pick<Rooms, "member"> };
}

/**
 * The same for jobs that found keys and no message that uses them: to be called when one that does was counted in this
 * room.
 */
export function releaseOnceUsed(parts: ReleaseParts, roomId: string): void {
    releaseStanding(parts, parts.jobs.refused(["nothing_used_yet"], [roomId]));
}

/**
 * Jobs that found nothing to share go on when keys of their room come, as long as their invite stands.
 * @param roomIds where keys came, or may have come while nobody looked
 */
export function releaseEmptyHanded(parts: ReleaseParts, roomIds: readonly string[]): void {
    releaseStanding(parts, parts.jobs.emptyHanded(roomIds));
}

function releaseStanding({ jobs, facts }: ReleaseParts, refused: readonly Job[]): void {
    const { rooms, botUserId } = facts;
    for (const job of refused)
        if (inviteStands(job, rooms.member(job.roomId, job.userId), botUserId)) jobs.release(job, "keys_arrived");
}

function recordInvite({ jobs, botUserId }: RecordParts, change: MembershipChange): void {
    const { roomId, userId, sender, eventId, previous } = change;
    // An invite that stood when the bot came back is told again.
    const known = jobs.ofInvite(roomId, userId, eventId);
    if (known !== undefined) return releaseReturned(jobs, known);
    const repeatedByUs = previous?.sender === botUserId ? jobs.newest(roomId, userId)?.inviteEventId : undefined;
    for (const older of jobs.open(roomId, userId)) jobs.end(older, "superseded");
    jobs.create({
        roomId,
        userId,
        inviter: sender,
        origin: "invite",
        inviteEventId: eventId,
        ...originOf(change, repeatedByUs),
    });
}

/** The echo of the bot's own invite: what was asked for has happened. */
function recordOwnInvite(
    { jobs, checks }: RecordParts,
    { roomId, userId, eventId, event, previous }: MembershipChange,
): void {
    // Two bots that invited in the same moment: another's came in between, and ours is the one that stands.
    const newest = jobs.newest(roomId, userId);
    if (newest?.state === "refused" && newest.reason === "reinvited_by_another_bot")
        jobs.release(newest, "reinvite_stands");

    const repeated = repeatedInvite(event.content);
    if (repeated === undefined) return;
    const made = repeated === "" ? jobs.toInvite(roomId, userId) : undefined;
    if (made !== undefined) jobs.inviteMade(made, eventId);
    const job = made ?? jobs.ofInvite(roomId, userId, repeated === "" ? eventId : repeated);
    if (job === undefined) return;
    releaseReturned(jobs, job);
    confirmPlace(jobs, job);

    // It has to stand in the place of the invite that it repeats, and of nothing else. Where nobody says what was
    // replaced, the read just before has to do: taking back a good invite would be worse.
    const replaced = event.replacesState ?? previous?.eventId;
    if (repeated === "" || replaced === undefined || replaced === repeated) return;
    checks.add({ eventId, jobId: job.id, replacedEventId: replaced });
}

/** The bot had left, and is back while the invite stands. */
function releaseReturned(jobs: ShareJobs, job: Job): void {
    if (job.state === "cancelled" && (job.reason === "bot_left" || job.reason === "place_left"))
        jobs.release(job, "bot_returned");
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

/**
 * A client opens the keys of whoever sent the invite on which it joined, and nobody else's. Source: MSC4268, "Actions
 * as a receiving client".
 */
function recordJoin(parts: RecordParts, change: MembershipChange): void {
    const { jobs, botUserId } = parts;
    const inviter = inviterAtJoin(change);
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

/**
 * Who sent the invite on which somebody joined; undefined: there was none. What the homeserver says that the join took
 * the place of counts before what we knew: a `limited` sync, or a kill, may have cost us an invite in between.
 */
function inviterAtJoin({ previous, event }: MembershipChange): string | undefined {
    const replaced = event.replaced?.content["membership"];
    // Of somebody who has changed their name since, the join itself was not seen.
    if (replaced !== undefined && replaced !== "join")
        return replaced === "invite" ? event.replaced?.sender : undefined;
    return previous?.membership === "invite" ? previous.sender : undefined;
}

/**
 * Of the user's jobs those that a join concerns: the open ones, and the newest, which may have come to an end that
 * heals.
 */
function waitingForJoin(jobs: ShareJobs, { roomId, userId }: MembershipChange): readonly Job[] {
    const newest = jobs.newest(roomId, userId);
    const ended = newest !== undefined && ["refused", "expired", "failed"].includes(newest.state) ? [newest] : [];
    return [...jobs.open(roomId, userId), ...ended].filter(
        // A member who changes their name joins once more; who came without the invite that the bot is to make still
        // gets it.
        (job) => job.state !== "joined" && job.reason !== "joined_without_invite" && !isToInvite(job),
    );
}

/** Somebody came without an invite: nobody could give them anything, and people should see that. */
function recordArrival({ jobs, rooms }: RecordParts, { roomId, userId, eventId, foundAtJoin }: MembershipChange): void {
    const room = rooms.room(roomId);
    if (foundAtJoin || room?.encryption !== "encrypted") return;
    const newest = jobs.newest(roomId, userId);
    if (newest !== undefined && (newest.reason === "joined_without_invite" || isOpen(newest.state))) return;
    const came = {
        roomId,
        userId,
        inviter: userId,
        origin: "invite",
        inviteEventId: eventId,
        byAnotherBot: false,
    } as const;
    const job = jobs.create(came);
    if (job !== undefined) jobs.move(job, "refused", "joined_without_invite");
}

function recordLeave({ jobs }: RecordParts, { roomId, userId, sender, previous }: MembershipChange): void {
    const byThemselves = sender === userId;
    const reason = byThemselves ? "invite_declined" : "invite_withdrawn";
    for (const job of jobs.open(roomId, userId)) {
        // Who leaves so that the bot can invite them has not declined; who was removed, or does not knock any more, is
        // not to be invited.
        const isAwaited = isToInvite(job) && byThemselves && previous?.membership !== "knock";
        if (!isAwaited) jobs.end(job, reason);
        else if (job.reason === "waits_for_leave") jobs.move(job, "delivered", "sent", 0);
    }
}

function cancelAll({ jobs }: RecordParts, { roomId, userId }: MembershipChange, reason: ReasonOf<"cancelled">): void {
    for (const job of jobs.open(roomId, userId)) jobs.end(job, reason);
}
