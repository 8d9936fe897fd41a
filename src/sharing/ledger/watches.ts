import type { DatabaseSync } from "node:sqlite";
import { flagOf, numberOf, numberOrNothing, type Row } from "../../database/index.ts";
import type { Reason } from "./reasons.ts";
import { firstLook, retrialDelay } from "./schedule.ts";
import { ranNow } from "../../due/index.ts";
import type { JobState } from "./states.ts";

/** A job whose invitee's devices are looked at again. Times are of `RunningClock`. */
export interface Watch {
    readonly jobId: number;
    /** How often it was looked at since the delivery, or since the join. */
    readonly looks: number;
    /** Undefined: the invite is pending. */
    readonly joinedAt: number | undefined;
    /** How long the clock had run then; of no meaning while the invite is pending. */
    readonly joinedRan: number;
    /** Their homeserver has answered a look since the delivery, or since the join. */
    readonly answered: boolean;
}

/** Which jobs are watched. Every method belongs inside a transaction of the caller's. */
export class Watches {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** Begins, changes or ends the watch of a job that has just moved; one that goes on keeps its schedule. */
    follow(jobId: number, state: JobState, reason: Reason, now: number): void {
        // What is blocked, or held, after the join may still go out within a day of it.
        if (reason === "joined_blocked" || (state === "held" && this.#isAfterJoin(jobId))) return;
        if (state === "joined") this.joined(jobId, now);
        else if (isWatched(state, reason))
            this.#begin("IGNORE", { jobId, lookAt: now + this.#firstLook(jobId, state), joinedAt: null });
        else this.end(jobId);
    }

    /** The invitee has joined: their devices are looked at now. */
    joined(jobId: number, now: number): void {
        this.#begin("REPLACE", { jobId, lookAt: now, joinedAt: now });
    }

    /** Those who have joined and were not looked at since, the longest waiting first. */
    arrivals(limit: number): readonly Watch[] {
        return this.#sql
            .prepare(`SELECT * FROM share_watches WHERE ${isArrival} ORDER BY look_at LIMIT ?`)
            .all(limit)
            .map(watchFrom);
    }

    /** Those others whose look is due, the longest due first. */
    due(now: number, limit: number): readonly Watch[] {
        return this.#sql
            .prepare(`SELECT * FROM share_watches WHERE NOT (${isArrival}) AND look_at <= ?1 ORDER BY look_at LIMIT ?2`)
            .all(now, limit)
            .map(watchFrom);
    }

    /** When the next of those looks falls due; undefined if nobody is watched. */
    nextAt(): number | undefined {
        const row = this.#sql.prepare(`SELECT min(look_at) AS at FROM share_watches WHERE NOT (${isArrival})`).get();
        return numberOrNothing(row, "at");
    }

    /** The look was made; the next one is at `at`. A join meanwhile has set its own. */
    looked({ jobId, looks, joinedAt }: Watch, next: { readonly at: number; readonly answered: boolean }): void {
        this.#sql
            .prepare(
                `UPDATE share_watches SET looks = looks + 1, look_at = ?1, answered = ?2
                 WHERE job_id = ?3 AND looks = ?4 AND joined_at IS ?5`,
            )
            .run(next.at, next.answered ? 1 : 0, jobId, looks, joinedAt ?? null);
    }

    /** The look could not be made now. */
    postpone(watch: Watch, at: number): void {
        this.looked(watch, { at, answered: watch.answered });
    }

    end(jobId: number): void {
        this.#sql.prepare("DELETE FROM share_watches WHERE job_id = ?").run(jobId);
    }

    #isAfterJoin(jobId: number): boolean {
        return (
            this.#sql.prepare("SELECT 1 FROM share_watches WHERE job_id = ? AND joined_at IS NOT NULL").get(jobId) !==
            undefined
        );
    }

    /** Milliseconds. What has failed is tried again, ever more rarely. */
    #firstLook(jobId: number, state: JobState): number {
        if (state !== "failed") return firstLook;
        const select = this.#sql.prepare(
            "SELECT count(*) AS n FROM share_job_moves WHERE job_id = ? AND reason = 'tried_again'",
        );
        return retrialDelay(numberOf(select.get(jobId), "n"));
    }

    #begin(otherwise: "REPLACE" | "IGNORE", watch: { jobId: number; lookAt: number; joinedAt: number | null }): void {
        this.#sql
            .prepare(
                `INSERT OR ${otherwise} INTO share_watches (job_id, look_at, looks, joined_at, joined_ran)
                 VALUES (?1, ?2, 0, ?3, coalesce((SELECT joined_ran FROM share_jobs WHERE id = ?1), ${ranNow}))`,
            )
            .run(watch.jobId, watch.lookAt, watch.joinedAt);
    }
}

const isArrival = "joined_at IS NOT NULL AND looks = 0";

function watchFrom(row: Row): Watch {
    return {
        jobId: numberOf(row, "job_id"),
        looks: numberOf(row, "looks"),
        joinedAt: numberOrNothing(row, "joined_at"),
        joinedRan: numberOf(row, "joined_ran"),
        answered: flagOf(row, "answered"),
    };
}

/** What a look can heal: a device, or an account, that was not there. */
const healedByLook: readonly Reason[] = ["no_identity", "no_cross_signed_device", "no_such_account"];

/** What the bot's own invite waits for, where it comes before the keys: a device may appear meanwhile. */
const waitsForPlace: readonly Reason[] = [
    "reinvite_paced",
    "invitee_paced",
    "bot_paced",
    "reinvite_limited",
    "reinvited_often",
    "reinvite_asked",
    "reinvite_ignored",
    "reinvite_forbidden",
];

/**
 * Delivered, or to be delivered, and the invitee may still come with other devices; refused or failed, and that may
 * heal.
 */
function isWatched(state: JobState, reason: Reason): boolean {
    if (state === "refused") return healedByLook.includes(reason);
    if (state === "failed") return reason !== "internal_error";
    if (state === "queued") return waitsForPlace.includes(reason);
    return state === "delivered" || state === "reinvited";
}
