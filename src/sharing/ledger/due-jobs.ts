import type { DatabaseSync } from "node:sqlite";
import { numberOrNothing } from "../../database/index.ts";
import { type Job, jobFrom } from "./job.ts";
import { openList } from "./states.ts";

/**
 * How many jobs at most: in all, of the invitees of a room who share a homeserver, and of a homeserver that is not our
 * own.
 */
export interface Places {
    readonly limit: number;
    readonly ofRoom: number;
    readonly ofServer: number;
    readonly ownServer: string;
}

/**
 * Jobs whose next step is due, oldest first: what a crash interrupted is due at once, and what is under way is among
 * them. No room and no homeserver has more than its share of the places, so that a slow one leaves some to the others.
 */
export function dueJobs(
    sql: DatabaseSync,
    { limit, ofRoom, ofServer, ownServer }: Places,
    now: number,
): readonly Job[] {
    return sql
        .prepare(
            `WITH waiting AS (
                 SELECT *, substr(user_id, instr(user_id, ':') + 1) AS server FROM share_jobs
                 WHERE state IN (${openList}) AND next_attempt_at IS NOT NULL AND next_attempt_at <= ?1
             ), ranked AS (
                 SELECT *, row_number() OVER (PARTITION BY room_id, server ORDER BY id) AS in_room,
                     row_number() OVER (PARTITION BY server ORDER BY id) AS of_server FROM waiting
             )
             SELECT * FROM ranked WHERE in_room <= ?2 AND (of_server <= ?3 OR server = ?4) ORDER BY id LIMIT ?5`,
        )
        .all(now, ofRoom, ofServer, ownServer, limit)
        .map(jobFrom);
}

/** When the next job falls due that does not yet; undefined if none waits. */
export function nextDueAt(sql: DatabaseSync, now: number): number | undefined {
    const row = sql
        .prepare(
            `SELECT min(next_attempt_at) AS at FROM share_jobs WHERE state IN (${openList}) AND next_attempt_at > ?`,
        )
        .get(now);
    return numberOrNothing(row, "at");
}
