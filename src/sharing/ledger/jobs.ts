import type { DatabaseSync } from "node:sqlite";
import { type Approval, type Job, jobFrom, type NewJob } from "./job.ts";
import { Notices } from "./notices.ts";
import type { Reason } from "./reasons.ts";
import { Sendings } from "./sendings.ts";
import { isOpen, type JobState, moves, openList } from "./states.ts";
import { ranNow } from "./share-clock.ts";
import { Watches } from "./watches.ts";

export type { Approval, Job, NewJob } from "./job.ts";

/** Milliseconds. What was written further ahead than this was written before the clock was set back: its times mean nothing now. */
const clockSlack = 60_000;

/** How many jobs at most: in all, of the invitees of a room who share a homeserver, and of a homeserver that is not our own. */
export interface Places {
    readonly limit: number;
    readonly ofRoom: number;
    readonly ofServer: number;
    readonly ownServer: string;
}

/**
 * The ledger of share jobs: every change of state is kept with its time and reason.
 * Every method belongs inside a transaction of the caller's.
 */
export class ShareJobs {
    readonly #sql: DatabaseSync;
    readonly #watches: Watches;
    readonly #notices: Notices;
    readonly #sendings: Sendings;
    readonly #now: () => number;

    constructor(sql: DatabaseSync, now: () => number) {
        this.#sql = sql;
        this.#watches = new Watches(sql);
        this.#notices = new Notices(sql);
        this.#sendings = new Sendings(sql);
        this.#now = now;
    }

    /** Queues a job, unless this very invite has one already: replayed batches make no second job. */
    create(job: NewJob): Job | undefined {
        const now = this.#now();
        const reason: Reason = job.origin === "invite" ? "invited" : "requested";
        const { lastInsertRowid, changes } = this.#sql
            .prepare(
                `INSERT INTO share_jobs (room_id, user_id, inviter, origin, invite_event_id, by_another_bot, state, reason, next_attempt_at, created_at, updated_at, created_ran)
                 VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ${ranNow}) ON CONFLICT DO NOTHING`,
            )
            .run(job.roomId, job.userId, job.inviter, job.origin, job.inviteEventId, job.byAnotherBot ? 1 : 0, reason, now, now, now);
        if (changes === 0) return undefined;
        const id = Number(lastInsertRowid);
        this.#remember(id, now, "queued", reason);
        return this.get(id);
    }

    get(id: number): Job | undefined {
        const row = this.#sql.prepare("SELECT * FROM share_jobs WHERE id = ?").get(id);
        return row === undefined ? undefined : jobFrom(row);
    }

    /** Open jobs of a room, of one invitee or of all, oldest first. */
    open(roomId: string, userId?: string): readonly Job[] {
        return this.#sql
            .prepare(`SELECT * FROM share_jobs WHERE room_id = ? AND user_id = coalesce(?, user_id) AND state IN (${openList}) ORDER BY id`)
            .all(roomId, userId ?? null)
            .map(jobFrom);
    }

    /** The newest job that serves this very invite. */
    ofInvite(roomId: string, userId: string, inviteEventId: string): Job | undefined {
        const row = this.#sql
            .prepare("SELECT * FROM share_jobs WHERE room_id = ? AND user_id = ? AND invite_event_id = ? ORDER BY id DESC LIMIT 1")
            .get(roomId, userId, inviteEventId);
        return row === undefined ? undefined : jobFrom(row);
    }

    /** The invitee's newest job, if nobody has answered its invite. */
    expired(roomId: string, userId: string): Job | undefined {
        const row = this.#sql
            .prepare("SELECT * FROM share_jobs WHERE room_id = ? AND user_id = ? ORDER BY id DESC LIMIT 1")
            .get(roomId, userId);
        const job = row === undefined ? undefined : jobFrom(row);
        return job?.state === "expired" ? job : undefined;
    }

    /** Whether any device has been sent its copy. */
    wasSent(jobId: number): boolean {
        return this.#sql.prepare("SELECT 1 FROM share_job_devices WHERE job_id = ? AND state = 'sent' LIMIT 1").get(jobId) !== undefined;
    }

    newest(roomId: string, userId: string): Job | undefined {
        const row = this.#sql
            .prepare("SELECT * FROM share_jobs WHERE room_id = ? AND user_id = ? ORDER BY id DESC LIMIT 1")
            .get(roomId, userId);
        return row === undefined ? undefined : jobFrom(row);
    }

    /** Jobs of this user, in all rooms, that were delivered and are not over. */
    served(userId: string): readonly Job[] {
        return this.#sql
            .prepare("SELECT * FROM share_jobs WHERE user_id = ? AND state IN ('delivered', 'reinvited', 'joined') ORDER BY id")
            .all(userId)
            .map(jobFrom);
    }

    held(reason: Reason): readonly Job[] {
        return this.#sql.prepare("SELECT * FROM share_jobs WHERE state = 'held' AND reason = ? ORDER BY id").all(reason).map(jobFrom);
    }

    /** Jobs that found nothing to share in these rooms, and whose invitee has had no newer job. */
    emptyHanded(roomIds: readonly string[]): readonly Job[] {
        return this.#sql
            .prepare(
                `SELECT * FROM share_jobs AS job WHERE state = 'refused' AND reason = 'nothing_to_share'
                 AND room_id IN (SELECT value FROM json_each(?))
                 AND NOT EXISTS (SELECT 1 FROM share_jobs AS newer WHERE newer.room_id = job.room_id AND newer.user_id = job.user_id AND newer.id > job.id)
                 ORDER BY id`,
            )
            .all(JSON.stringify(roomIds))
            .map(jobFrom);
    }

    /**
     * Jobs whose next step is due, oldest first: what a crash interrupted is due at once, and what is under way is among them.
     * No room and no homeserver has more than its share of the places, so that a slow one leaves some to the others.
     */
    due({ limit, ofRoom, ofServer, ownServer }: Places, now: number): readonly Job[] {
        return this.#sql
            .prepare(
                `WITH waiting AS (
                     SELECT *, substr(user_id, instr(user_id, ':') + 1) AS server FROM share_jobs
                     WHERE state IN (${openList}) AND next_attempt_at IS NOT NULL AND (next_attempt_at <= ?1 OR updated_at > ?1 + ?6)
                 ), ranked AS (
                     SELECT *, row_number() OVER (PARTITION BY room_id, server ORDER BY id) AS in_room,
                         row_number() OVER (PARTITION BY server ORDER BY id) AS of_server FROM waiting
                 )
                 SELECT * FROM ranked WHERE in_room <= ?2 AND (of_server <= ?3 OR server = ?4) ORDER BY id LIMIT ?5`,
            )
            .all(now, ofRoom, ofServer, ownServer, limit, clockSlack)
            .map(jobFrom);
    }

    /** When the next job falls due that `due` at this very `now` did not name: with two clock readings one could be in neither. Undefined if none waits. */
    nextDueAt(now: number): number | undefined {
        const row = this.#sql
            .prepare(`SELECT min(next_attempt_at) AS at FROM share_jobs WHERE state IN (${openList}) AND next_attempt_at > ?`)
            .get(now);
        return row?.["at"] === null ? undefined : Number(row?.["at"]);
    }

    /**
     * Moves a job on, if it still is in the state that the caller saw.
     * @param nextAttemptAt when the runner should look at it again; undefined: not by itself.
     * @param detail what of the facts belongs to the reason, for people
     * @returns false if something else (a withdrawal, a command) moved it first: then the caller's step is void.
     */
    move(job: Job, state: JobState, reason: Reason, nextAttemptAt?: number, detail?: string): boolean {
        if (!moves[job.state].includes(state)) throw new Error(`share job ${job.id} cannot go from ${job.state} to ${state} (${reason})`);
        const now = this.#now();
        const { changes } = this.#sql
            .prepare(
                `UPDATE share_jobs SET state = ?, reason = ?, detail = ?, next_attempt_at = ?, updated_at = ?, moved_ran = ${ranNow} WHERE id = ? AND state = ?`,
            )
            .run(state, reason, detail ?? null, nextAttemptAt ?? null, now, job.id, job.state);
        if (changes === 0) return false;
        this.#remember(job.id, now, state, reason, detail);
        this.#watches.follow(job.id, state, reason, now);
        // From there nobody may ever ask again what became of a request whose answer was lost.
        if (state === "held" || !isOpen(state)) this.#sendings.doubt(job.id);
        return true;
    }

    /**
     * Counts a failed attempt and has the job looked at again; what was delivered stays delivered.
     * @param notBefore before which the homeserver does not want to be asked, whatever happens
     */
    retry(job: Job, reason: Reason, nextAttemptAt: number, detail?: string, notBefore?: number): boolean {
        this.#sql.prepare("UPDATE share_jobs SET attempts = attempts + 1, not_before = ? WHERE id = ?").run(notBefore ?? null, job.id);
        return this.move(job, job.state === "delivered" ? "delivered" : "queued", reason, nextAttemptAt, detail);
    }

    /** The homeserver answers again: what waits for nothing else waits no longer, unless the homeserver said for how long. */
    homeserverIsBack(): void {
        this.#sql
            .prepare(
                `UPDATE share_jobs SET next_attempt_at = max(?1, coalesce(not_before, ?1))
                 WHERE state IN (${openList}) AND reason = 'homeserver_unavailable' AND next_attempt_at > ?1`,
            )
            .run(this.#now());
    }

    /** How often this reason moved the job. */
    timesMoved(jobId: number, reason: Reason): number {
        return Number(
            this.#sql.prepare("SELECT count(*) AS n FROM share_job_moves WHERE job_id = ? AND reason = ?").get(jobId, reason)?.["n"],
        );
    }

    /** Gives a job that rested to the runner. */
    release(job: Job, reason: Reason): boolean {
        return this.move(job, "queued", reason, this.#now());
    }

    /** Releases a held job as a person says, from what it is held for and nothing else. */
    approve(job: Job): boolean {
        const approved: readonly Approval[] = [...job.approved, { reason: job.reason, detail: job.detail }];
        this.#sql.prepare("UPDATE share_jobs SET approved = 1, approvals = ? WHERE id = ?").run(JSON.stringify(approved), job.id);
        return this.release(job, "approved");
    }

    /** Adds a sentence to a job's story; where the job stands and why is unchanged. */
    tell(jobId: number, reason: Reason, detail: string): void {
        const job = this.get(jobId);
        if (job !== undefined) this.#remember(jobId, this.#now(), job.state, reason, detail);
    }

    /** Adds to a job's story what became of it after its end. */
    annotate(jobId: number, reason: Reason): void {
        const job = this.get(jobId);
        if (job === undefined) return;
        const now = this.#now();
        this.#sql.prepare("UPDATE share_jobs SET reason = ?, detail = NULL, updated_at = ? WHERE id = ?").run(reason, now, jobId);
        this.#remember(jobId, now, job.state, reason);
    }

    /** Ends a job from outside: what has been served to the end is done, anything else is cancelled. */
    end(job: Job, reason: Reason): boolean {
        return this.move(job, job.state === "joined" ? "done" : "cancelled", reason);
    }

    #remember(jobId: number, at: number, state: JobState, reason: Reason, detail?: string): void {
        const last = this.#sql.prepare("SELECT state, reason FROM share_job_moves WHERE job_id = ? ORDER BY rowid DESC LIMIT 1").get(jobId);
        // Refusals are counted (`timesMoved`): each stands for itself.
        if (last?.["state"] === state && last["reason"] === reason && reason !== "refused_once") return;
        this.#sql
            .prepare("INSERT INTO share_job_moves (job_id, at, state, reason, detail) VALUES (?, ?, ?, ?, ?)")
            .run(jobId, at, state, reason, detail ?? null);
        this.#notices.follow(jobId, state, reason);
    }
}
