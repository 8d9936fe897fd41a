import type { Database } from "../../database/index.ts";
import type { Homeserver } from "../../homeserver/index.ts";
import { HomeserverError } from "../../homeserver/index.ts";
import { parseRoomEvent, type RoomEvent } from "../../matrix/index.ts";
import type { FactSources } from "../policy/facts.ts";
import { pass } from "../policy/gate.ts";
import { Halt } from "../policy/halt.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";
import { decideReinvite, type ReinviteDecision, type ReinviteFacts } from "./reinvite-decision.ts";
import type { ReinviteLedger } from "./reinvite-ledger.ts";
import { reinviteContent } from "./reinvite-mark.ts";
import type { Reason } from "../ledger/reasons.ts";

/** How much of a room's history the bot can hand on, and whether its inviter might. */
export interface SharedHistory {
    coverage(roomId: string): ReinviteFacts["coverage"];
    /** False only where what this user sent shows that their clients share no history. */
    inviterMayShare(roomId: string, inviter: string): boolean;
}

export interface ReinviteParts {
    readonly database: Database;
    readonly facts: FactSources;
    readonly jobs: Pick<ShareJobs, "get" | "move">;
    readonly reinvites: ReinviteLedger;
    readonly history: SharedHistory;
    readonly homeserver: Pick<Homeserver, "memberEvent" | "putMember">;
    readonly now: () => number;
}

/** Whose invite stands, as the last batch or the homeserver says. */
interface Standing {
    readonly membership: unknown;
    readonly sender: string;
    readonly eventId: string;
    readonly isDirect: boolean;
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
    try {
        return await takePlace(parts, job, settled);
    } catch (error) {
        // Power or membership was lost a moment ago: the sync will say so.
        if (error instanceof HomeserverError && error.problem.kind === "forbidden")
            throw new Halt("retry", "homeserver_unavailable", { cause: error });
        throw error;
    }
}

async function takePlace(parts: ReinviteParts, job: Job, settled: Promise<void>): Promise<Reason> {
    // 1. The keys are out; a pause or a closed room still keeps the bot from inviting.
    pass(parts, job, "as_pinned");

    // 2. By what we know ourselves: is it wanted, and is it its turn? Whose turn it is has it counted at once, or the next would go as well.
    const { decision, reservation } = takeTurn(parts, job);
    if (reservation === undefined) return decision.reason;

    // 3. By the server's word of this very moment: what /sync told us may be a second old. And the answer may have taken hours: is this
    //    still wanted? Nothing between this look, the read and the write.
    const look = await lookAgain(parts, job, reservation, settled);
    if (look.invite === undefined) return look.decision.reason;

    // 4. The invite.
    return await write(parts, job, look.invite);
}

/** @returns a reservation if the bot invites now; else the job has been moved to where it waits or ends */
function takeTurn(parts: ReinviteParts, job: Job): { readonly decision: ReinviteDecision; readonly reservation: number | undefined } {
    const { database, facts, reinvites, now } = parts;
    return database.transaction(() => {
        const turn = reinvites.turn(job, facts.policy(job.roomId).reinvite_pace, now());
        const member = facts.rooms.member(job.roomId, job.userId);
        const decision = decideReinvite({ ...gatherReinviteFacts(parts, job, member), turn });
        if (decision.verdict === "now") return { decision, reservation: reinvites.reserve(job, now()) };
        follow(parts, job, decision);
        return { decision, reservation: undefined };
    });
}

/** @returns the invite to be repeated; undefined if the decision is another now: the turn is given back then */
async function lookAgain(
    parts: ReinviteParts,
    job: Job,
    reservation: number,
    settled: Promise<void>,
): Promise<{ readonly decision: ReinviteDecision; readonly invite: RoomEvent | undefined }> {
    const { database, homeserver, reinvites } = parts;
    let decision: ReinviteDecision | undefined;
    let turnKept = false;
    try {
        const [event] = await Promise.all([homeserver.memberEvent(job.roomId, job.userId), settled]);
        const invite = parseRoomEvent(event);
        decision = decideReinvite(gatherReinviteFacts(parts, job, invite && standing(invite)));
        if (decision.verdict !== "now") return { decision, invite: undefined };
        pass(parts, job, "as_pinned");
        turnKept = true;
        return { decision, invite };
    } finally {
        if (!turnKept) {
            database.transaction(() => {
                reinvites.release(reservation);
                // If it is not needed, an earlier attempt whose answer was lost has been the one that counts.
                if (decision?.verdict !== "not_needed") reinvites.notMade(job);
                if (decision !== undefined) follow(parts, job, decision);
            });
        }
    }
}

async function write(parts: ReinviteParts, job: Job, invite: RoomEvent): Promise<Reason> {
    const { database, homeserver, jobs, reinvites, now } = parts;
    const content = reinviteContent(invite.content, { eventId: job.inviteEventId, inviter: job.inviter });
    try {
        await homeserver.putMember(job.roomId, job.userId, content);
    } catch (error) {
        if (error instanceof HomeserverError) return afterRefusal(parts, job, error);
        throw error;
    }
    database.transaction(() => {
        jobs.move(job, "reinvited", "reinvited");
        for (const rested of reinvites.made(job).map((id) => jobs.get(id)))
            if (rested !== undefined) jobs.move(rested, "delivered", rested.reason, now());
    });
    return "reinvited";
}

/** Where nobody knows whether the invite was made, it stays counted: the next look at the member event will tell. */
function afterRefusal({ database, jobs, reinvites, facts, now }: ReinviteParts, job: Job, error: HomeserverError): Reason {
    const { problem } = error;
    switch (problem.kind) {
        case "rate_limited":
            database.transaction(() => {
                const until = reinvites.limited(job, problem.retryAfterMs, facts.policy(job.roomId).reinvite_pace, now());
                jobs.move(job, "delivered", "reinvite_limited", until);
            });
            return "reinvite_limited";
        case "forbidden":
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

/** Moves a job to where a decision that is not "now" leaves it. */
function follow({ jobs }: Pick<ReinviteParts, "jobs">, job: Job, decision: ReinviteDecision): void {
    switch (decision.verdict) {
        case "now":
            return;
        case "not_needed":
            jobs.move(job, "reinvited", decision.reason);
            return;
        case "never":
            jobs.move(job, "delivered", decision.reason);
            return;
        case "wait":
            jobs.move(job, "delivered", decision.reason, decision.at);
            return;
        case "over":
            jobs.move(job, "cancelled", decision.reason);
            return;
    }
}

function gatherReinviteFacts(parts: ReinviteParts, job: Job, invite: Standing | undefined): ReinviteFacts {
    const { facts, history, reinvites } = parts;
    const now = parts.now();
    return {
        now,
        setting: facts.policy(job.roomId).reinvite,
        asked: job.origin === "command",
        standing: whose(invite),
        direct: invite?.isDirect === true,
        coverage: history.coverage(job.roomId),
        inviterMayShare: history.inviterMayShare(job.roomId, job.inviter),
        repeatedAt: reinvites.repeatedAt(job, now),
        turn: { at: now, reason: "reinvite_paced" },
    };

    function whose(member: Standing | undefined): ReinviteFacts["standing"] {
        if (member?.membership !== "invite") return "none";
        if (member.sender === facts.botUserId) return "own";
        return member.eventId === job.inviteEventId ? "this" : "another";
    }
}

function standing({ content, sender, eventId }: RoomEvent): Standing {
    return { membership: content["membership"], sender, eventId, isDirect: content["is_direct"] === true };
}
