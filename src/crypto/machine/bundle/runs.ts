import type { DatabaseSync } from "node:sqlite";
import { numberOf } from "../../../database/index.ts";
import { type Place, placeIn } from "../entries/entry-pages.ts";

/**
 * Entries that stand one after another on a page: they are written as one, with the commas that stand between them
 * there.
 */
export interface Run extends Place {
    readonly sessions: number;
}

/** @param places in the order of their pages, and on a page in the order in which they stand */
export function runsOf(places: readonly Place[]): readonly Run[] {
    const runs: Run[] = [];
    for (const { page, start, length } of places) {
        const last = runs.at(-1);
        if (last !== undefined && page === last.page && start === last.start + last.length + 1)
            runs[runs.length - 1] = { ...last, length: start + length - last.start, sessions: last.sessions + 1 };
        else runs.push({ page, start, length, sessions: 1 });
    }
    return runs;
}

/**
 * All that is shareable in a room, in the order of `runsOf`. A page that holds nothing else is one run, which the index
 * alone tells: for a hundred thousand sessions that is ten times as fast as a look at each of them.
 */
export function shareableRuns(sql: DatabaseSync, roomId: string): readonly Run[] {
    const places = sql.prepare(
        `SELECT page, start, length FROM ready_entries WHERE room_id = ? AND verdict = 'shareable' AND page = ? ORDER BY start`,
    );
    return sql
        .prepare(
            `SELECT page, min(start) AS start, max(start + length) - min(start) AS length, count(*) AS sessions, sum(length) AS bytes
             FROM ready_entries WHERE room_id = ? AND verdict = 'shareable' GROUP BY page ORDER BY page`,
        )
        .all(roomId)
        .flatMap((row) => {
            const run: Run = { ...placeIn(row), sessions: numberOf(row, "sessions") };
            const isWhole = run.length === numberOf(row, "bytes") + run.sessions - 1;
            return isWhole ? [run] : runsOf(places.all(roomId, run.page).map(placeIn));
        });
}
