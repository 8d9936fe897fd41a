import type { RunningClock } from "../../due/index.ts";
import type { Database } from "../../database/index.ts";
import type { Homeserver } from "../../homeserver/index.ts";
import { HomeserverError } from "../../homeserver/index.ts";
import { parseRoomEvent, type RoomEvent } from "../../matrix/index.ts";
import type { DeviceKeys } from "../delivery/device-keys.ts";
import { hasSignedDevice } from "../../crypto/index.ts";
import type { FactSources } from "../policy/facts.ts";
import { requireGo } from "../policy/gate.ts";
import { Halt } from "../policy/halt.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";
import { decideReinvite, type ReinviteDecision } from "./reinvite-decision.ts";
import {
    type Asked,
    type Attempt,
    gatherReinviteFacts,
    type SharedHistory,
    type Standing,
    standing,
} from "./reinvite-facts.ts";
import type { ReinviteLedger } from "./reinvite-ledger.ts";
import { ownInviteContent, reinviteContent } from "./reinvite-mark.ts";
import { afterRefusal, follow } from "./reinvite-moves.ts";
import type { Reason } from "../ledger/reasons.ts";
import { type JobStep, waitingStep } from "../ledger/steps.ts";

export interface ReinviteParts {
    readonly database: Database;
    readonly facts: FactSources;
    readonly jobs: Pick<ShareJobs, "get" | "move" | "timesMoved" | "inviteMade" | "restate">;
    readonly reinvites: ReinviteLedger;
    readonly history: SharedHistory;
    readonly clock: Pick<RunningClock, "now">;
    /** Whether the bot holds a shareable key that a known event of the room uses. */
    readonly isUsable: (roomId: string) => Promise<boolean>;
    readonly deviceKeys: Pick<DeviceKeys, "look">;
    readonly homeserver: Pick<Homeserver, "memberEvent" | "putMember">;
}

/** Milliseconds within which a sync shows what the homeserver has said yes to; then it is asked. */
const echoWithin = 5_000;

/**
 * Makes the bot the inviter of record, so that the invitee's client opens the bot's bundle; or says why not, or not
 * yet. The homeserver has no conditional write, so the window is kept small here and closed by `reinvite-check.ts`.
 * Source: MSC4268, "Actions as a receiving client": only the inviter's bundle is accepted.
 * @param settled resolves when nothing is left of the delivery itself; the invite, after which the job is not taken up
 * again, comes later
 * @returns why the job, which has been moved on, stands where it stands now
 * @throws Halt
 */
export async function reinvite(parts: ReinviteParts, job: Job, settled: Promise<void>): Promise<Reason> {
    if (job.makesInvite) return await takePlace(parts, job, { purpose: "invite", asked: {} }, { settled });
    return await takePlace(parts, job, { purpose: "repeat", asked: await askForBothSides(parts, job) }, { settled });
}

/**
 * The same for an invitee whom nobody's keys can have reached, as they have no device for them: the place comes first,
 * and the keys when there is a device, at the latest at the join. This is the one exception to "the bundle before the
 * invite" (MSC4268, "Sending").
 * @param otherwise where the job goes if the place is not to be taken
 */
export async function takePlaceFirst(parts: ReinviteParts, job: Job, otherwise: JobStep<"refused">): Promise<Reason> {
    const purpose = job.makesInvite ? "invite" : "place_first";
    // What opens nothing is no reason to take anybody's place.
    if (!(await parts.isUsable(job.roomId))) throw new Halt(["refused", "nothing_used_yet"]);
    return await takePlace(parts, job, { purpose, asked: {} }, { settled: Promise.resolve(), otherwise });
}

/**
 * What the comparison of the bundles cannot know by itself. The inviter's homeserver is asked only where its answer
 * could turn the scale.
 */
async function askForBothSides(
    { facts, history, isUsable, deviceKeys }: ReinviteParts,
    { roomId, inviter }: Job,
): Promise<Asked> {
    const policy = facts.policy(roomId);
    if (policy.reinvite === "always" || policy.reinvite === "never") return {};
    const usable = await isUsable(roomId);
    if (policy.reinvite !== "when_better" || history.compare(roomId, inviter, policy, { usable }).outcome === "better")
        return { usable };
    const keys = await deviceKeys.look(inviter);
    return { usable, inviterHasSignedDevice: keys?.whole === true ? hasSignedDevice(keys) : undefined };
}

interface Circumstances {
    /** Resolves when nothing is left of the delivery itself. */
    readonly settled: Promise<void>;
    readonly otherwise?: JobStep<"refused">;
}

async function takePlace(
    parts: ReinviteParts,
    job: Job,
    attempt: Attempt,
    { settled, otherwise }: Circumstances,
): Promise<Reason> {
    // 1. A pause or a closed room keeps the bot from inviting, whatever was sent before.
    requireGo(parts, job, "not_asked");

    // 2. By what we know ourselves: is it wanted, and is it its turn? Whose turn it is has it counted at once, or the
    //    next would go as well.
    const { decision, reservation } = takeTurn(parts, job, attempt, otherwise);
    if (reservation === undefined) return decision.reason;

    // 3. By the server's word of this very moment: what /sync told us may be a second old. And the answer may have
    //    taken hours: is this
    //    still wanted? Nothing between this look, the read and the write.
    const look = await lookAgain(parts, job, attempt, { reservation, settled, otherwise });
    if (!look.wanted) return look.decision.reason;

    // 4. The invite.
    return await write(parts, job, look.invite);
}

/** @returns a reservation if the bot invites now; else the job has been moved to where it waits or ends */
function takeTurn(
    parts: ReinviteParts,
    job: Job,
    attempt: Attempt,
    otherwise: JobStep<"refused"> | undefined,
): { readonly decision: ReinviteDecision; readonly reservation: number | undefined } {
    const { database, facts, jobs, reinvites, clock } = parts;
    return database.transaction(() => {
        const turn = reinvites.turn(job, facts.policy(job.roomId).reinvite_pace, clock.now());
        const member = facts.rooms.member(job.roomId, job.userId);
        const decision = decideReinvite({ ...gatherReinviteFacts(parts, job, attempt, member), turn });
        if (decision.verdict === "now") {
            if (decision.detail !== undefined) jobs.restate(job, decision.detail);
            return { decision, reservation: reinvites.reserve(job, clock.now()) };
        }
        follow(parts, job, decision, { member, otherwise });
        return { decision, reservation: undefined };
    });
}

/** @returns whether the invite is still wanted, and what it is to repeat; if not, the turn is given back */
async function lookAgain(
    parts: ReinviteParts,
    job: Job,
    attempt: Attempt,
    {
        reservation,
        settled,
        otherwise,
    }: {
        readonly reservation: number;
        readonly settled: Promise<void>;
        readonly otherwise: JobStep<"refused"> | undefined;
    },
): Promise<{ readonly wanted: boolean; readonly decision: ReinviteDecision; readonly invite: RoomEvent | undefined }> {
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
        requireGo(parts, job, "not_asked");
        turnKept = true;
        return { wanted: true, decision, invite };
    } finally {
        if (!turnKept) {
            database.transaction(() => {
                reinvites.release(reservation);
                // If it is not needed, an earlier attempt whose answer was lost has been the one that counts.
                if (decision === undefined) return;
                if (decision.verdict !== "not_needed") reinvites.notMade(job);
                follow(parts, job, decision, { member, otherwise });
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
        if (error.problem.kind === "forbidden") throw new Halt(["retry", "homeserver_unavailable"], { cause: error });
        throw error;
    }
}

async function write(parts: ReinviteParts, job: Job, invite: RoomEvent | undefined): Promise<Reason> {
    const { database, homeserver, jobs, reinvites } = parts;
    const repeats = job.makesInvite || invite === undefined ? undefined : invite.content;
    const content =
        repeats === undefined
            ? ownInviteContent()
            : reinviteContent(repeats, { eventId: job.inviteEventId, inviter: job.inviter });
    try {
        await homeserver.putMember(job.roomId, job.userId, content);
    } catch (error) {
        if (error instanceof HomeserverError) return afterRefusal(parts, job, error);
        throw error;
    }
    // The homeserver's yes is no proof: it is seen in the sync (`record.ts`), or read back.
    database.transaction(() => {
        jobs.move(job, ...waitingStep(job, "reinvite_asked"), echoWithin, jobs.get(job.id)?.detail);
        for (const rested of reinvites.made(job).map((id) => jobs.get(id)))
            if (rested !== undefined) jobs.move(rested, ...waitingStep(rested, "reinvite_limited"), 0);
    });
    return "reinvite_asked";
}
