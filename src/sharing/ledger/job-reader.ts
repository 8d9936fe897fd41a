import type { DatabaseSync } from "node:sqlite";
import { numberOf } from "../../database/index.ts";
import { dueJobs, nextDueAt, type Places } from "./due-jobs.ts";
import { isToInvite, type Job, jobFrom } from "./job.ts";
import type { Reason } from "./reasons.ts";
import { type JobState, openList } from "./states.ts";
import type { ReasonOf } from "./steps.ts";

/** Reads the ledger of share jobs. Every method belongs inside a transaction of the caller's. */
export class JobReader {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    get(id: number): Job | undefined {
        const row = this.#sql.prepare("SELECT * FROM share_jobs WHERE id = ?").get(id);
        return row === undefined ? undefined : jobFrom(row);
    }

    /** Open jobs of a room, of one invitee or of all, oldest first. */
    open(roomId: string, userId?: string): readonly Job[] {
        return this.#sql
            .prepare(
                `SELECT * FROM share_jobs WHERE room_id = ? AND user_id = coalesce(?, user_id) AND state IN (${openList}) ORDER BY id`,
            )
            .all(roomId, userId ?? null)
            .map(jobFrom);
    }

    /** The newest job that serves this very invite. */
    ofInvite(roomId: string, userId: string, inviteEventId: string): Job | undefined {
        const row = this.#sql
            .prepare(
                "SELECT * FROM share_jobs WHERE room_id = ? AND user_id = ? AND invite_event_id = ? ORDER BY id DESC LIMIT 1",
            )
            .get(roomId, userId, inviteEventId);
        return row === undefined ? undefined : jobFrom(row);
    }

    /** The open job that is to make this user's invite and has not yet. */
    toInvite(roomId: string, userId: string): Job | undefined {
        return this.open(roomId, userId).find(isToInvite);
    }

    /** Jobs of these rooms, or of all, that were refused for one of these reasons, oldest first. */
    refused(reasons: readonly Reason[], roomIds?: readonly string[]): readonly Job[] {
        return this.#inState("refused", reasons, roomIds);
    }

    /**
     * Jobs of these rooms, or of all, whose invitee waits for keys of the bot's alone, and has no device for them yet.
     */
    placesTaken(roomIds?: readonly string[]): readonly Job[] {
        return this.#inState("reinvited", ["waits_for_device"], roomIds);
    }

    /** Whether any device has been sent its copy. */
    wasSent(jobId: number): boolean {
        return (
            this.#sql
                .prepare("SELECT 1 FROM share_job_devices WHERE job_id = ? AND state = 'sent' LIMIT 1")
                .get(jobId) !== undefined
        );
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
            .prepare(
                "SELECT * FROM share_jobs WHERE user_id = ? AND state IN ('delivered', 'reinvited', 'joined') ORDER BY id",
            )
            .all(userId)
            .map(jobFrom);
    }

    /** Jobs of these rooms, or of all, that are held for this reason, oldest first. */
    held(reason: ReasonOf<"held">, roomIds?: readonly string[]): readonly Job[] {
        return this.#inState("held", [reason], roomIds);
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

    /** @see {@link dueJobs} */
    due(places: Places, now: number): readonly Job[] {
        return dueJobs(this.#sql, places, now);
    }

    /** @see {@link nextDueAt} */
    nextDueAt(now: number): number | undefined {
        return nextDueAt(this.#sql, now);
    }

    /** How often this reason moved the job. */
    timesMoved(jobId: number, reason: Reason): number {
        const select = this.#sql.prepare("SELECT count(*) AS n FROM share_job_moves WHERE job_id = ? AND reason = ?");
        return numberOf(select.get(jobId, reason), "n");
    }

    #inState(state: JobState, reasons: readonly Reason[], roomIds: readonly string[] | undefined): readonly Job[] {
        const rooms = roomIds === undefined ? "" : "AND room_id IN (SELECT value FROM json_each(?3))";
        return this.#sql
            .prepare(
                `SELECT * FROM share_jobs WHERE state = ?1 AND reason IN (SELECT value FROM json_each(?2)) ${rooms} ORDER BY id`,
            )
            .all(state, JSON.stringify(reasons), ...(roomIds === undefined ? [] : [JSON.stringify(roomIds)]))
            .map(jobFrom);
    }
}
