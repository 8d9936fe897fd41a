import type { DatabaseSync } from "node:sqlite";
import type { Reason } from "./reasons.ts";
import { firstLook } from "./schedule.ts";
import type { JobState } from "./states.ts";

/** A job whose invitee's devices are looked at again. Times are milliseconds since the epoch. */
export interface Watch {
    readonly jobId: number;
    /** How often it was looked at since the delivery, or since the join. */
    readonly looks: number;
    /** Undefined: the invite is pending. */
    readonly joinedAt: number | undefined;
}

/** Which jobs are watched. Every method belongs inside a transaction of the caller's. */
export class Watches {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** Begins, changes or ends the watch of a job that has just moved; one that goes on keeps its schedule. */
    follow(jobId: number, state: JobState, reason: Reason, now: number): void {
        if (state === "joined") this.#begin("REPLACE", { jobId, lookAt: now, joinedAt: now });
        else if (isWatched(state, reason)) this.#begin("IGNORE", { jobId, lookAt: now + firstLook, joinedAt: null });
        else this.end(jobId);
    }

    /** Those whose look is due: who has just joined first, then the longest due. */
    due(now: number, limit: number): readonly Watch[] {
        return this.#sql
            .prepare(
                `SELECT job_id, looks, joined_at FROM share_watches WHERE look_at <= ?
                 ORDER BY joined_at IS NULL OR looks > 0, look_at LIMIT ?`,
            )
            .all(now, limit)
            .map((row) => ({
                jobId: Number(row["job_id"]),
                looks: Number(row["looks"]),
                joinedAt: row["joined_at"] === null ? undefined : Number(row["joined_at"]),
            }));
    }

    /** When the next look falls due; undefined if nobody is watched. */
    nextAt(): number | undefined {
        const at = this.#sql.prepare("SELECT min(look_at) AS at FROM share_watches").get()?.["at"];
        return typeof at === "number" ? at : undefined;
    }

    /** Somebody has joined and was not looked at since. */
    hasArrival(now: number): boolean {
        return (
            this.#sql.prepare("SELECT 1 FROM share_watches WHERE joined_at IS NOT NULL AND looks = 0 AND look_at <= ?").get(now) !==
            undefined
        );
    }

    /** The look was made; the next one is at `at`. A join meanwhile has set its own. */
    looked({ jobId, looks, joinedAt }: Watch, at: number): void {
        this.#sql
            .prepare("UPDATE share_watches SET looks = looks + 1, look_at = ? WHERE job_id = ? AND looks = ? AND joined_at IS ?")
            .run(at, jobId, looks, joinedAt ?? null);
    }

    end(jobId: number): void {
        this.#sql.prepare("DELETE FROM share_watches WHERE job_id = ?").run(jobId);
    }

    #begin(otherwise: "REPLACE" | "IGNORE", watch: { jobId: number; lookAt: number; joinedAt: number | null }): void {
        this.#sql
            .prepare(`INSERT OR ${otherwise} INTO share_watches (job_id, look_at, looks, joined_at) VALUES (?, ?, 0, ?)`)
            .run(watch.jobId, watch.lookAt, watch.joinedAt);
    }
}

/** Delivered, and the invitee may still come with other devices; or refused for want of a device, and they may still set one up. */
function isWatched(state: JobState, reason: Reason): boolean {
    if (state === "refused") return reason === "no_identity" || reason === "no_cross_signed_device";
    return state === "delivered" || state === "reinvited";
}
