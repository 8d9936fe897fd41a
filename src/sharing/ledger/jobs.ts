import type { DatabaseSync } from "node:sqlite";
import { numberOf, textOrNothing } from "../../database/index.ts";
import type { Approval, Job, NewJob } from "./job.ts";
import { JobReader } from "./job-reader.ts";
import { Notices } from "./notices.ts";
import type { Reason } from "./reasons.ts";
import { Sendings } from "./sendings.ts";
import { isOpen, type JobState, moves, openList } from "./states.ts";
import {
    type JobStep,
    type ReasonOf,
    type TakenBackReason,
    type ToldReason,
    type WaitingReason,
    waitingStep,
} from "./steps.ts";
import { watchedAfterJoin } from "./schedule.ts";
import { ranNow } from "../../due/index.ts";
import { Watches } from "./watches.ts";

export type { Approval, Job, NewJob } from "./job.ts";

/** Refusals are counted (`timesMoved`): each stands for itself. */
const counted: readonly Reason[] = ["refused_once", "reinvite_forbidden", "reinvite_ignored"];

/**
 * The ledger of share jobs: every change of state is kept with its time and reason.
 * Every method belongs inside a transaction of the caller's.
 */
export class ShareJobs extends JobReader {
    readonly #sql: DatabaseSync;
    readonly #watches: Watches;
    readonly #notices: Notices;
    readonly #sendings: Sendings;
    readonly #now: () => number;
    readonly #clock: () => number;

    /**
     * @param now milliseconds since the epoch
     * @param clock the time of `RunningClock`, by which jobs fall due
     */
    constructor(sql: DatabaseSync, now: () => number, clock = now) {
        super(sql);
        this.#sql = sql;
        this.#watches = new Watches(sql);
        this.#notices = new Notices(sql);
        this.#sendings = new Sendings(sql);
        this.#now = now;
        this.#clock = clock;
    }

    /** Queues a job, unless this very invite has one already: replayed batches make no second job. */
    create(job: NewJob): Job | undefined {
        const now = this.#now();
        const reason: ReasonOf<"queued"> = job.origin === "invite" ? "invited" : "requested";
        const { lastInsertRowid, changes } = this.#sql
            .prepare(
                `INSERT INTO share_jobs (room_id, user_id, inviter, origin, invite_event_id, by_another_bot, replaces_named, by_third_party,
                     makes_invite, state, reason, next_attempt_at, created_at, updated_at, created_ran)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ${ranNow}) ON CONFLICT DO NOTHING`,
            )
            .run(
                job.roomId,
                job.userId,
                job.inviter,
                job.origin,
                job.inviteEventId,
                job.byAnotherBot ? 1 : 0,
                job.replacesNamed === true ? 1 : 0,
                job.byThirdParty === true ? 1 : 0,
                job.makesInvite === true ? 1 : 0,
                reason,
                this.#clock(),
                now,
                now,
            );
        if (changes === 0) return undefined;
        const id = Number(lastInsertRowid);
        this.#remember(id, now, "queued", reason);
        return this.get(id);
    }

    /** Milliseconds since the epoch. */
    now(): number {
        return this.#now();
    }

    /**
     * Moves a job on, if it still is in the state that the caller saw.
     * @param to the state, and a reason that belongs to it
     * @param wait milliseconds after which the runner should look at it again; undefined: not by itself.
     * @param detail what of the facts belongs to the reason, for people
     * @returns false if something else (a withdrawal, a command) moved it first: then the caller's step is void.
     */
    move(job: Job, ...to: [...step: JobStep, wait?: number | undefined, detail?: string | undefined]): boolean {
        const [state, reason, wait, detail] = to;
        if (!moves[job.state].includes(state))
            throw new Error(`share job ${job.id} cannot go from ${job.state} to ${state} (${reason})`);
        const now = this.#now();
        const { changes } = this.#sql
            .prepare(
                `UPDATE share_jobs SET state = ?1, reason = ?2, detail = ?3, next_attempt_at = ?4, updated_at = ?5, moved_ran = ${ranNow},
                     joined_ran = iif(?1 = 'joined', coalesce(joined_ran, ${ranNow}), joined_ran),
                     refused_ran = iif(?1 IN ('held', 'refused', 'reinvited') OR ?2 = 'sent', NULL, refused_ran),
                     place_taken = iif(?2 IN ('waits_for_device', 'sent'), ?2 = 'waits_for_device', place_taken)
                 WHERE id = ?6 AND state = ?7`,
            )
            .run(
                state,
                reason,
                detail ?? null,
                wait === undefined ? null : this.#clock() + wait,
                now,
                job.id,
                job.state,
            );
        if (changes === 0) return false;
        this.#remember(job.id, now, state, reason, detail);
        this.#watches.follow(job.id, state, reason, this.#clock());
        // From there nobody may ever ask again what became of a request whose answer was lost.
        if (state === "held" || !isOpen(state)) this.#sendings.markUnknown(job.id);
        return true;
    }

    /**
     * Counts a failed attempt and has the job looked at again; what was delivered stays delivered.
     * @param wait milliseconds
     * @param retryAfter milliseconds for which the homeserver does not want to be asked, whatever happens
     */
    retry(job: Job, reason: WaitingReason, wait: number, detail?: string, retryAfter = 0): boolean {
        const notBefore = this.#clock() + retryAfter;
        this.#sql
            .prepare("UPDATE share_jobs SET attempts = attempts + 1, not_before = ? WHERE id = ?")
            .run(notBefore, job.id);
        return this.move(job, ...waitingStep(job, reason), wait, detail);
    }

    /**
     * The homeserver answers again: what waits for nothing else waits no longer, unless the homeserver said for how
     * long.
     */
    homeserverIsBack(): void {
        this.#lookAgain("homeserver_unavailable");
    }

    /** The bot's own device is signed by its published identity again. */
    botIsCrossSigned(): void {
        this.#lookAgain("bot_not_cross_signed");
    }

    /**
     * Gives a job that rested to the runner; or, if the invitee has joined on the bot's own invite meanwhile, to the
     * watch.
     */
    release(job: Job, reason: ReasonOf<"queued" | "joined">): boolean {
        // What was cancelled is told again as an invite: that is another stay.
        if (job.state === "cancelled")
            this.#sql.prepare("UPDATE share_jobs SET joined_ran = NULL WHERE id = ?").run(job.id);
        if (job.state === "cancelled" || job.joinedRan === undefined) return this.move(job, "queued", reason, 0);
        const inTime = this.#ran() - job.joinedRan < watchedAfterJoin;
        return inTime ? this.move(job, "joined", reason) : this.move(job, "cancelled", "released_too_late");
    }

    /** The invitee of a held job has joined on the bot's own invite: what is released within a day is sent. */
    noteJoin(job: Job): void {
        this.#sql.prepare(`UPDATE share_jobs SET joined_ran = ${ranNow} WHERE id = ?`).run(job.id);
        this.#watches.joined(job.id, this.#clock());
    }

    setAccount(job: Job, account: NonNullable<Job["account"]>): void {
        this.#sql.prepare("UPDATE share_jobs SET account = ? WHERE id = ?").run(account, job.id);
    }

    /** The bot has made the invite that this job was to make. */
    inviteMade(job: Job, inviteEventId: string): void {
        this.#sql.prepare("UPDATE share_jobs SET invite_event_id = ? WHERE id = ?").run(inviteEventId, job.id);
    }

    /**
     * For how long the homeserver has refused what the job asks, this time included; milliseconds of `RunningClock`.
     */
    refusedFor(job: Job): number {
        this.#sql
            .prepare(`UPDATE share_jobs SET refused_ran = coalesce(refused_ran, ${ranNow}) WHERE id = ?`)
            .run(job.id);
        return (
            this.#ran() -
            numberOf(this.#sql.prepare("SELECT refused_ran FROM share_jobs WHERE id = ?").get(job.id), "refused_ran")
        );
    }

    /** Releases a held job as a person says, from what it is held for and nothing else. */
    approve(job: Job): boolean {
        const approved: readonly Approval[] = [...job.approved, { reason: job.reason, detail: job.detail }];
        this.#sql
            .prepare("UPDATE share_jobs SET approved = 1, approvals = ? WHERE id = ?")
            .run(JSON.stringify(approved), job.id);
        return this.release(job, "approved");
    }

    /** Adds a sentence to a job's story; where the job stands and why is unchanged. */
    tell(jobId: number, reason: ToldReason, detail?: string): void {
        const job = this.get(jobId);
        if (job !== undefined) this.#remember(jobId, this.#now(), job.state, reason, detail);
    }

    /** The facts behind the reason have changed; where the job stands and why is unchanged, and so is its story. */
    restate(job: Job, detail: string | undefined): void {
        this.#sql
            .prepare(
                "UPDATE share_jobs SET detail = ?1 WHERE id = ?2 AND state = ?3 AND reason = ?4 AND detail IS NOT ?1",
            )
            .run(detail ?? null, job.id, job.state, job.reason);
    }

    /** Adds to a job's story what became of it after its end. */
    annotate(jobId: number, reason: TakenBackReason): void {
        const job = this.get(jobId);
        if (job === undefined) return;
        const now = this.#now();
        this.#sql
            .prepare("UPDATE share_jobs SET reason = ?, detail = NULL, updated_at = ? WHERE id = ?")
            .run(reason, now, jobId);
        this.#remember(jobId, now, job.state, reason);
    }

    /**
     * Ends a job from outside: what has been served to the end is done, anything else is cancelled.
     * @param onceJoined the reason if it is done
     */
    end(job: Job, reason: ReasonOf<"cancelled">, onceJoined: ReasonOf<"done"> = "left_again"): boolean {
        return job.state === "joined" ? this.move(job, "done", onceJoined) : this.move(job, "cancelled", reason);
    }

    #lookAgain(waitsFor: Reason): void {
        this.#sql
            .prepare(
                `UPDATE share_jobs SET next_attempt_at = max(?1, coalesce(not_before, ?1))
                 WHERE state IN (${openList}) AND reason = ?2 AND next_attempt_at > ?1`,
            )
            .run(this.#clock(), waitsFor);
    }

    #ran(): number {
        return numberOf(this.#sql.prepare(`SELECT ${ranNow} AS ran`).get(), "ran");
    }

    #remember(jobId: number, at: number, state: JobState, reason: Reason, detail?: string): void {
        const last = this.#sql
            .prepare("SELECT state, reason FROM share_job_moves WHERE job_id = ? ORDER BY rowid DESC LIMIT 1")
            .get(jobId);
        const isSame = textOrNothing(last, "state") === state && textOrNothing(last, "reason") === reason;
        if (isSame && !counted.includes(reason)) return;
        this.#sql
            .prepare("INSERT INTO share_job_moves (job_id, at, state, reason, detail) VALUES (?, ?, ?, ?, ?)")
            .run(jobId, at, state, reason, detail ?? null);
        this.#notices.follow(jobId, state, reason);
    }
}
