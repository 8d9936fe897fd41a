import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing } from "../../database/index.ts";
import { ranNow } from "../../due/index.ts";
import { openList } from "./states.ts";

/** Milliseconds of `RunningClock` for which a job that is over is kept, with its story. */
export const keptFor = 365 * 24 * 3_600_000;

/** What belongs to a job alone. The audit does not. */
const tables = [
    "share_job_moves",
    "share_job_devices",
    "share_watches",
    "share_sealings",
    "share_sends",
    "share_sendings",
    "share_notices",
    "bundle_deliveries",
] as const;

/** Jobs looked at in one step: a few milliseconds. */
const pageSize = 200;

/**
 * Forgets jobs that have been over for a year, but for each invitee's newest in a room: it tells what became of them,
 * and which invite is known.
 * @param after the last job that was looked at; 0: begin with the oldest
 * @returns the last job that was looked at now; undefined: there are no more. Belongs inside a transaction of the
 * caller's.
 */
export function forgetOldJobs(sql: DatabaseSync, after: number): number | undefined {
    const page = sql
        .prepare("SELECT max(id) AS last FROM (SELECT id FROM share_jobs WHERE id > ? ORDER BY id LIMIT ?)")
        .get(after, pageSize);
    const last = numberOrNothing(page, "last");
    if (last === undefined) return undefined;
    const old = sql
        .prepare(
            `SELECT id FROM share_jobs AS job WHERE id > ?1 AND id <= ?2 AND state NOT IN (${openList}) AND moved_ran <= ${ranNow} - ?3
             AND EXISTS (SELECT 1 FROM share_jobs AS newer WHERE newer.room_id = job.room_id AND newer.user_id = job.user_id AND newer.id > job.id)
             AND NOT EXISTS (SELECT 1 FROM reinvite_checks WHERE job_id = job.id)`,
        )
        .all(after, last, keptFor)
        .map((row) => numberOf(row, "id"));
    if (old.length > 0) {
        const ids = JSON.stringify(old);
        for (const table of tables)
            sql.prepare(`DELETE FROM ${table} WHERE job_id IN (SELECT value FROM json_each(?))`).run(ids);
        sql.prepare("DELETE FROM share_jobs WHERE id IN (SELECT value FROM json_each(?))").run(ids);
    }
    return last;
}
