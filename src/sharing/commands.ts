import type { Database } from "../database/index.ts";
import type { Member, Rooms } from "../rooms/index.ts";
import { decide } from "./policy/decide.ts";
import { type FactSources, gatherFacts } from "./policy/facts.ts";
import type { Job, NewJob, ShareJobs } from "./ledger/jobs.ts";
import type { Pauses } from "./policy/pauses.ts";
import type { IdentityPins } from "./policy/pins.ts";
import { reconsiderRooms } from "./room-changed.ts";
import { type Reason, reasons, sentence } from "./ledger/reasons.ts";
import { isOpen } from "./ledger/states.ts";
import type { JobStep } from "./ledger/steps.ts";

/** The answer to a command. `ok: false` is a no: `message` says why and what to do. */
export interface Outcome {
    readonly ok: boolean;
    readonly message: string;
}

export interface CommandParts {
    readonly database: Database;
    readonly jobs: ShareJobs;
    readonly pins: IdentityPins;
    readonly pauses: Pauses;
    readonly facts: FactSources;
    readonly rooms: Pick<Rooms, "member" | "room">;
    readonly now: () => number;
}

/**
 * What a person may tell sharing to do, with a running bot and without one. Everything is in the database when an
 * answer is given.
 */
export class ShareCommands {
    readonly #parts: CommandParts;

    constructor(parts: CommandParts) {
        this.#parts = parts;
    }

    /** Delivers (again) to an invited user; never past a hold. */
    share(roomId: string, userId: string): Outcome & { readonly jobId?: string } {
        const { database, jobs, rooms } = this.#parts;
        return database.transaction(() => {
            const member = rooms.member(roomId, userId);
            const problem =
                rooms.room(roomId)?.membership !== "join"
                    ? "not_in_room"
                    : member?.membership !== "invite"
                      ? "not_invited"
                      : undefined;
            if (problem !== undefined || member === undefined) return no(problem ?? "not_invited");
            for (const older of jobs.open(roomId, userId)) jobs.end(older, "superseded");
            const job = jobs.create({ roomId, userId, origin: "command", ...this.#standingInvite(member, roomId) });
            if (job === undefined) throw new Error("a job made by command cannot exist already");
            return { ...this.#answerFor(job), jobId: String(job.id) };
        });
    }

    /**
     * Delivers first, and then makes the invite itself: nobody's bundle is lost by it, and nothing is raced for.
     * Whoever is in the room is delivered to first, so that everything is known to work before they are told to leave;
     * whoever knocks is let in.
     * @param onlyKnocking refuses everybody else
     */
    invite(roomId: string, userId: string, { onlyKnocking = false } = {}): Outcome & { readonly jobId?: string } {
        const { database, jobs, rooms, facts } = this.#parts;
        const membership = rooms.member(roomId, userId)?.membership;
        if (rooms.room(roomId)?.membership !== "join") return no("not_in_room");
        if (onlyKnocking && membership !== "knock")
            return { ok: false, message: `${userId} does not knock at ${roomId}: nothing to accept.` };
        if (membership === "invite") return this.share(roomId, userId);
        return database.transaction(() => {
            for (const older of jobs.open(roomId, userId)) jobs.end(older, "superseded", "superseded");
            const asked = { roomId, userId, inviter: facts.botUserId, origin: "command", inviteEventId: "" } as const;
            const job = jobs.create({ ...asked, byAnotherBot: false, makesInvite: true });
            if (job === undefined) throw new Error("a job made by command cannot exist already");
            const answer = this.#answerFor(job);
            const follows =
                membership === "join"
                    ? ` They are in the room: \`backscroll status --job ${job.id}\` says when they can leave, and they are invited then.`
                    : "";
            return { ...answer, message: answer.message + (answer.ok ? follows : ""), jobId: String(job.id) };
        });
    }

    /**
     * Releases a held job once, from what it is held for. A changed identity and a pause have commands of their own.
     */
    approve(jobId: string): Outcome {
        const { database, jobs } = this.#parts;
        return database.transaction(() => {
            const job = jobNamed(jobs, jobId);
            if (job === undefined) return noJob(jobId);
            if (job.state !== "held")
                return {
                    ok: false,
                    message: `Job ${jobId} is ${job.state}, so there is nothing to approve. ${reasons[job.reason]}`,
                };
            if (!approvable.includes(job.reason) && !approvableAlone.includes(job.reason)) return no(job.reason);
            const was = `Job ${jobId} was held: ${sentence(job.reason, job.detail)}`;
            const now = this.#approve(job);
            if (now.state === "held")
                return {
                    ok: false,
                    message: `${was} That is approved, but there is more: ${sentence(now.reason, now.detail)}`,
                };
            return { ok: true, message: `${was} Released: ${job.userId} is given the keys of ${job.roomId} now.` };
        });
    }

    /** Releases every held job of a room, but for those that each need a look of their own. */
    approveAll(roomId: string): Outcome {
        const { database, jobs } = this.#parts;
        return database.transaction(() => {
            const held = jobs.open(roomId).filter(({ state }) => state === "held");
            const approved = held.filter(({ reason }) => approvable.includes(reason));
            const released = approved.map((job) => this.#approve(job)).filter(({ state }) => state !== "held");
            const left = held.length - released.length;
            const rest =
                left === 0
                    ? ""
                    : ` ${left} stay held, each for a reason of its own: see \`backscroll status --state held\`.`;
            if (released.length === 0)
                return {
                    ok: false,
                    message: `There is nothing${approved.length === 0 ? "" : " more"} to approve at once in ${roomId}.${rest}`,
                };
            return { ok: true, message: `Released: ${released.map(({ userId }) => userId).join(", ")}.${rest}` };
        });
    }

    /** Ends an open job. What was sent stays sent. */
    cancel(jobId: string): Outcome {
        const { database, jobs } = this.#parts;
        return database.transaction(() => {
            const job = jobNamed(jobs, jobId);
            if (job === undefined) return noJob(jobId);
            if (!isOpen(job.state) && job.state !== "failed")
                return {
                    ok: false,
                    message: `Job ${jobId} is ${job.state}, so there is nothing to cancel. ${reasons[job.reason]}`,
                };
            jobs.move(job, "cancelled", "cancelled_by_command");
            return { ok: true, message: `Job ${jobId} is cancelled. ${this.#whatWasSent(job)}` };
        });
    }

    pause(roomId: string | undefined): Outcome {
        const { database, pauses, jobs, facts, now } = this.#parts;
        database.transaction(() => {
            pauses.pause(roomId, now());
            reconsiderRooms({ jobs, facts }, roomId === undefined ? undefined : [roomId]);
        });
        return {
            ok: true,
            message: `Sharing is paused in ${roomId ?? "all rooms"}. Invites wait until \`backscroll resume\`.`,
        };
    }

    resume(roomId: string | undefined): Outcome {
        const { database, pauses, jobs } = this.#parts;
        return database.transaction(() => {
            pauses.resume(roomId);
            const released = jobs.held("paused").filter((job) => !pauses.covers(job.roomId));
            for (const job of released) jobs.release(job, "resumed");
            if (pauses.list().all)
                return {
                    ok: false,
                    message: "Sharing is still paused in all rooms: use `backscroll resume` without a room.",
                };
            return {
                ok: true,
                message: `Sharing goes on in ${roomId ?? "all rooms"}; ${released.length} waiting deliveries were released.`,
            };
        });
    }

    /** Accepts the identity with this master key (unpadded base64) for the user, whatever was pinned before. */
    trust(userId: string, fingerprint: string): Outcome {
        const { database, pins, jobs, now } = this.#parts;
        const masterKey = fingerprint.replaceAll("=", "");
        if (!/^[A-Za-z0-9+/]{43}$/.test(masterKey)) {
            return {
                ok: false,
                message:
                    "The fingerprint has to be a master key of 43 base64 characters, as the user's client shows it.",
            };
        }
        return database.transaction(() => {
            pins.replace(userId, masterKey, now());
            const waiting = jobs.held("identity_changed").filter((job) => job.userId === userId);
            for (const job of waiting) jobs.release(job, "trusted");
            return {
                ok: true,
                message: `${userId} is known by ${masterKey} from now on; ${waiting.length} held deliveries were released.`,
            };
        });
    }

    /** An invite of the bot's own counts for as much as the one that it repeats. */
    #standingInvite({ userId, sender, eventId }: Member, roomId: string): Omit<NewJob, "roomId" | "userId" | "origin"> {
        const { jobs, facts } = this.#parts;
        const isOwn = sender === facts.botUserId;
        const known = jobs.ofInvite(roomId, userId, eventId) ?? (isOwn ? jobs.newest(roomId, userId) : undefined);
        return {
            inviter: isOwn ? (known?.inviter ?? sender) : sender,
            inviteEventId: eventId,
            byAnotherBot: known?.byAnotherBot ?? false,
            replacesNamed: known?.replacesNamed ?? false,
            byThirdParty: known?.byThirdParty ?? false,
        };
    }

    #whatWasSent({ id, state, userId }: Job): string {
        const served = state === "delivered" || state === "reinvited" || state === "joined";
        if (served || this.#parts.jobs.wasSent(id)) return "Keys had been sent already, and nobody can take them back.";
        if (state !== "delivering") return `${userId} is sent nothing.`;
        return "What may be on its way at this moment nobody can take back: `backscroll audit` lists it then.";
    }

    /**
     * Releases the job from what it is held for. Answers it as it stands then: what nobody was told of yet holds it
     * again.
     */
    #approve(held: Job): Job {
        const { jobs, facts } = this.#parts;
        jobs.approve(held);
        const job = jobs.get(held.id) ?? held;
        const decision = decide(gatherFacts(facts, job, "not_asked"));
        if (decision.verdict === "hold") jobs.move(job, "held", decision.reason, undefined, decision.detail);
        return jobs.get(held.id) ?? job;
    }

    #answerFor(job: Job): Outcome {
        const decision = decide(gatherFacts(this.#parts.facts, job, "not_asked"));
        if (decision.verdict === "go" || decision.verdict === "wait")
            return { ok: true, message: `Job ${job.id} is queued.` };
        const step: JobStep = decision.verdict === "hold" ? ["held", decision.reason] : ["refused", decision.reason];
        const detail = decision.verdict === "hold" ? decision.detail : undefined;
        this.#parts.jobs.move(job, ...step, undefined, detail);
        return { ok: false, message: `Job ${job.id} is ${step[0]}: ${sentence(decision.reason, detail)}` };
    }
}

/** What a person may release without having looked at each invitee. */
const approvable: readonly Reason[] = ["waits_for_approval", "inviter_server_not_trusted", "too_many_invitees"];

/** And what only with a look at that very invitee. */
const approvableAlone: readonly Reason[] = [
    "looks_like_member",
    "name_reordered",
    "account_appeared_late",
    "too_many_devices",
    "ended_the_bot",
    "inviter_removed",
    "invited_by_third_party",
];

function jobNamed(jobs: ShareJobs, jobId: string): Job | undefined {
    return /^\d{1,15}$/.test(jobId) ? jobs.get(Number(jobId)) : undefined;
}

const noJob = (jobId: string): Outcome => ({
    ok: false,
    message: `There is no job ${jobId}: \`backscroll status\` lists them.`,
});

function no(reason: Reason): Outcome {
    return { ok: false, message: reasons[reason] };
}
