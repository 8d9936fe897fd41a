import type { Database } from "../../database/index.ts";
import type { Homeserver } from "../../homeserver/index.ts";
import { HomeserverError } from "../../homeserver/index.ts";
import { parseRoomEvent, type RoomEvent } from "../../matrix/index.ts";
import type { Weighed } from "../evidence/weigh.ts";
import type { Comparison } from "../policy/compare.ts";
import type { FactSources, SharingPolicy } from "../policy/facts.ts";
import { pass } from "../policy/gate.ts";
import { Halt } from "../policy/halt.ts";
import { retrialDelay } from "../ledger/schedule.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";
import { decideReinvite, type ReinviteDecision, type ReinviteFacts } from "./reinvite-decision.ts";
import type { ReinviteLedger } from "./reinvite-ledger.ts";
import { ownInviteContent, reinviteContent } from "./reinvite-mark.ts";
import type { Reason } from "../ledger/reasons.ts";

/** What the bot can hand on of a room's history, against what its inviter might. */
export interface SharedHistory {
    /**
     * Whose bundle is the better one, by the room's last count.
     * @param weighed what is known of the inviter's client
     * @param usable what `ReinviteParts.isUsable` has just said; undefined: nobody asked, and the count has to do
     */
    compare(roomId: string, inviter: string, weighed: Weighed, policy: SharingPolicy, usable?: boolean): Comparison;
}

/** Until the evidence is asked. */
export const unweighed: Weighed = { likelihood: "likely", because: "nothing_known" };

export interface ReinviteParts {
    readonly database: Database;
    readonly facts: FactSources;
    readonly jobs: Pick<ShareJobs, "get" | "move" | "timesMoved" | "inviteMade" | "tell">;
    readonly reinvites: ReinviteLedger;
    readonly history: SharedHistory;
    /** Whether the bot holds a shareable key that a known event of the room uses. */
    readonly isUsable: (roomId: string) => Promise<boolean>;
    readonly homeserver: Pick<Homeserver, "memberEvent" | "putMember">;
    readonly now: () => number;
}

/** Milliseconds within which a sync shows what the homeserver has said yes to; then it is asked. */
const echoWithin = 15_000;
/** Refusals of the invite after which it is no accident of the moment: power that was lost a second ago, which the sync will tell. */
const refusalsOfTheMoment = 2;

/** How the invitee stands in the room, as the last batch or the homeserver says. */
interface Standing {
    readonly membership: unknown;
    readonly sender: string;
    readonly eventId: string;
    readonly isDirect: boolean;
}

/** What is asked for, and what was asked about it before the first decision. */
interface Attempt {
    readonly purpose: ReinviteFacts["purpose"];
    /** See `ReinviteParts.isUsable`; undefined: no bundles are compared. */
    readonly usable: boolean | undefined;
    /** Where the job goes if the place is not to be taken. */
    readonly otherwise: Halt | undefined;
}

/**
 * Makes the bot the inviter of record, so that the invitee's client opens the bot's bundle; or says why not, or not yet.
 * The homeserver has no conditional write, so the window is kept small here and closed by `reinvite-check.ts`.
 * Source: MSC4268, "Actions as a receiving client": only the inviter's bundle is accepted.
 * @param settled resolves when nothing is left of the delivery itself; the invite, after which the job is not taken up again, comes later
 * @returns why the job, which has been moved on, stands where it stands now
 * @throws Halt
 */
export async function reinvite(parts: ReinviteParts, job: Job, settled: Promise<void>): Promise<Reason> {
    if (job.makesInvite) return await takePlace(parts, job, { purpose: "invite", usable: undefined, otherwise: undefined }, settled);
    const usable = await parts.isUsable(job.roomId);
    return await takePlace(parts, job, { purpose: "repeat", usable, otherwise: undefined }, settled);
}

/**
 * The same for an invitee whom nobody's keys can have reached, as they have no device for them: the place comes first, and the keys when there
 * is a device, at the latest at the join. This is the one exception to "the bundle before the invite" (MSC4268, "Sending").
 * @param otherwise where the job goes if the place is not to be taken
 */
export async function takePlaceFirst(parts: ReinviteParts, job: Job, otherwise: Halt): Promise<Reason> {
    const purpose = job.makesInvite ? "invite" : "place_first";
    return await takePlace(parts, job, { purpose, usable: undefined, otherwise }, Promise.resolve());
}

async function takePlace(parts: ReinviteParts, job: Job, attempt: Attempt, settled: Promise<void>): Promise<Reason> {
    // 1. A pause or a closed room keeps the bot from inviting, whatever was sent before.
    pass(parts, job, "not_asked");

    // 2. By what we know ourselves: is it wanted, and is it its turn? Whose turn it is has it counted at once, or the next would go as well.
    const { decision, reservation } = takeTurn(parts, job, attempt);
    if (reservation === undefined) return decision.reason;

    // 3. By the server's word of this very moment: what /sync told us may be a second old. And the answer may have taken hours: is this
    //    still wanted? Nothing between this look, the read and the write.
    const look = await lookAgain(parts, job, { ...attempt, reservation, settled });
    if (!look.wanted) return look.decision.reason;

    // 4. The invite.
    return await write(parts, job, look.invite);
}

/** @returns a reservation if the bot invites now; else the job has been moved to where it waits or ends */
function takeTurn(
    parts: ReinviteParts,
    job: Job,
    attempt: Attempt,
): { readonly decision: ReinviteDecision; readonly reservation: number | undefined } {
    const { database, facts, jobs, reinvites, now } = parts;
    return database.transaction(() => {
        const turn = reinvites.turn(job, facts.policy(job.roomId).reinvite_pace, now());
        const member = facts.rooms.member(job.roomId, job.userId);
        const decision = decideReinvite({ ...gatherReinviteFacts(parts, job, attempt, member), turn });
        if (decision.verdict === "now") {
            if (decision.detail !== undefined) jobs.tell(job.id, "bundle_better", decision.detail);
            return { decision, reservation: reinvites.reserve(job, now()) };
        }
        follow(parts, job, decision, { member, otherwise: attempt.otherwise });
        return { decision, reservation: undefined };
    });
}

/** @returns whether the invite is still wanted, and what it is to repeat; if not, the turn is given back */
async function lookAgain(
    parts: ReinviteParts,
    job: Job,
    attempt: Attempt & { readonly reservation: number; readonly settled: Promise<void> },
): Promise<{ readonly wanted: boolean; readonly decision: ReinviteDecision; readonly invite: RoomEvent | undefined }> {
    const { reservation, settled, otherwise } = attempt;
    const { database, reinvites } = parts;
    let decision: ReinviteDecision | undefined;
    let member: Standing | undefined;
    let turnKept = false;
    try {
        const [event] = await Promise.all([memberEvent(parts, job), settled]);
        const invite = parseRoomEvent(event);
        member = invite && standing(invite);
        const taken = reinvites.wasTaken(job);
        decision = decideReinvite({ ...gatherReinviteFacts(parts, job, attempt, member), taken });
        if (decision.verdict !== "now") return { wanted: false, decision, invite };
        pass(parts, job, "not_asked");
        turnKept = true;
        return { wanted: true, decision, invite };
    } finally {
        if (!turnKept) {
            database.transaction(() => {
                reinvites.release(reservation);
                // If it is not needed, an earlier attempt whose answer was lost has been the one that counts.
                if (decision?.verdict !== "not_needed") reinvites.notMade(job);
                if (decision !== undefined) follow(parts, job, decision, { member, otherwise });
            });
        }
    }
}

/** The member event as the homeserver has it now; undefined: the user never was anything in this room. */
async function memberEvent({ homeserver }: ReinviteParts, { roomId, userId, makesInvite }: Job): Promise<unknown> {
    try {
        return await homeserver.memberEvent(roomId, userId);
    } catch (error) {
        if (!(error instanceof HomeserverError)) throw error;
        if (makesInvite && error.problem.kind === "not_found") return undefined;
        // Membership was lost a moment ago: the sync will say so.
        if (error.problem.kind === "forbidden") throw new Halt("retry", "homeserver_unavailable", { cause: error });
        throw error;
    }
}

async function write(parts: ReinviteParts, job: Job, invite: RoomEvent | undefined): Promise<Reason> {
    const { database, homeserver, jobs, reinvites, now } = parts;
    const repeats = job.makesInvite || invite === undefined ? undefined : invite.content;
    const content =
        repeats === undefined ? ownInviteContent() : reinviteContent(repeats, { eventId: job.inviteEventId, inviter: job.inviter });
    try {
        await homeserver.putMember(job.roomId, job.userId, content);
    } catch (error) {
        if (error instanceof HomeserverError) return afterRefusal(parts, job, error);
        throw error;
    }
    // The homeserver's yes is no proof: it is seen in the sync (`record.ts`), or read back.
    database.transaction(() => {
        jobs.move(job, waitingState(job), "reinvite_asked", now() + echoWithin);
        for (const rested of reinvites.made(job).map((id) => jobs.get(id)))
            if (rested !== undefined) jobs.move(rested, waitingState(rested), rested.reason, now());
    });
    return "reinvite_asked";
}

/** Where a job stands that waits for its own invite. */
function waitingState({ state }: Job): "queued" | "delivered" {
    return state === "delivered" ? "delivered" : "queued";
}

/** Where nobody knows whether the invite was made, it stays counted: the next look at the member event will tell. */
function afterRefusal({ database, jobs, reinvites, facts, now }: ReinviteParts, job: Job, error: HomeserverError): Reason {
    const { problem } = error;
    switch (problem.kind) {
        case "rate_limited":
            database.transaction(() => {
                const until = reinvites.limited(job, problem.retryAfterMs, facts.policy(job.roomId).reinvite_pace, now());
                jobs.move(job, waitingState(job), "reinvite_limited", until);
            });
            return "reinvite_limited";
        case "forbidden":
            database.transaction(() => reinvites.notMade(job));
            throw forbidden(jobs, job, error);
        case "invalid":
        case "not_found":
        case "too_large":
        case "unrecognized":
            database.transaction(() => reinvites.notMade(job));
            throw error;
        default:
            throw error;
    }
}

/** Power that was lost a moment ago is told by the sync; what is refused again and again is a homeserver's rule. */
function forbidden(jobs: ReinviteParts["jobs"], { id }: Job, error: HomeserverError): Halt {
    const options = { cause: error, detail: error.message };
    if (jobs.timesMoved(id, "refused_once") < refusalsOfTheMoment) return new Halt("retry", "refused_once", options);
    return new Halt("retry", "reinvite_forbidden", { ...options, notBefore: retrialDelay(jobs.timesMoved(id, "reinvite_forbidden")) });
}

/**
 * Moves a job to where a decision that is not "now" leaves it.
 * @throws Halt `otherwise`, if the place is not to be taken before there is anything to send
 */
function follow(
    { jobs }: Pick<ReinviteParts, "jobs">,
    job: Job,
    decision: ReinviteDecision,
    { member, otherwise }: { readonly member: Standing | undefined; readonly otherwise: Halt | undefined },
): void {
    switch (decision.verdict) {
        case "now":
            return;
        case "not_needed":
            if (job.makesInvite && member !== undefined) jobs.inviteMade(job, member.eventId);
            jobs.move(job, "reinvited", otherwise === undefined ? decision.reason : "waits_for_device");
            return;
        case "never":
            if (otherwise !== undefined) jobs.move(job, "refused", otherwise.reason);
            else jobs.move(job, "delivered", decision.reason);
            return;
        case "wait":
            // Who is in the room has no device that could read: to leave and come back would not help.
            if (otherwise !== undefined && decision.reason === "waits_for_leave") jobs.move(job, "refused", otherwise.reason);
            else jobs.move(job, waitingState(job), decision.reason, decision.at, decision.detail);
            return;
        case "over":
            jobs.move(
                job,
                "cancelled",
                decision.reason,
                undefined,
                decision.reason === "joined_on_another_invite" ? job.inviter : undefined,
            );
            return;
    }
}

function gatherReinviteFacts(
    parts: ReinviteParts,
    job: Job,
    { purpose, usable }: Pick<Attempt, "purpose" | "usable">,
    member: Standing | undefined,
): ReinviteFacts {
    const { facts, history, reinvites, jobs } = parts;
    const now = parts.now();
    const policy = facts.policy(job.roomId);
    return {
        now,
        purpose,
        setting: policy.reinvite,
        asked: job.origin === "command",
        standing: whose(member),
        direct: member?.isDirect === true,
        comparison: history.compare(job.roomId, job.inviter, unweighed, policy, usable),
        taken: false,
        retrialAfter: retrialDelay(jobs.timesMoved(job.id, "reinvite_ignored")),
        repeatedAt: reinvites.repeatedAt(job, now),
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

function standing({ content, sender, eventId }: RoomEvent): Standing {
    return { membership: content["membership"], sender, eventId, isDirect: content["is_direct"] === true };
}
