import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing, type Row, textOf } from "../../database/index.ts";
import { type DueItem, type Later, waitsUntil } from "../../due/index.ts";
import { rest, type Series, withKeys } from "./refresh-pace.ts";

/** A room whose set, or whose file, has changed since its pending invitees were served. */
export interface Refresh extends DueItem {
    /** The room's ID. */
    readonly key: string;
    /** How often keys came. */
    readonly changes: number;
    /** When keys last came. */
    readonly keysAt: number;
}

const waits = waitsUntil("due_at", "not_before");

/**
 * Which rooms are to be refreshed, and when. Times are of `RunningClock`. Every method belongs inside a transaction of
 * the caller's.
 */
export class Refreshes {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /**
     * Keys of these rooms came, or may have come while nobody looked: those where somebody was served and has not
     * joined yet fall due, or is just being served, maybe without them.
     */
    note(roomIds: readonly string[], now: number): void {
        this.#forgetSeries(now);
        const rooms = this.#sql
            .prepare(
                `SELECT DISTINCT share_jobs.room_id, since, keys_at, due_at FROM share_jobs LEFT JOIN bundle_refreshes USING (room_id)
                 WHERE state IN ('delivering', 'delivered', 'reinvited') AND share_jobs.room_id IN (SELECT value FROM json_each(?))`,
            )
            .all(JSON.stringify(roomIds));
        for (const row of rooms) this.#change(textOf(row, "room_id"), withKeys(seriesFrom(row), now));
    }

    /** The file that was handed out in this room is gone. */
    fileGone(roomId: string, now: number): void {
        const row = this.#sql
            .prepare("SELECT since, keys_at, due_at FROM bundle_refreshes WHERE room_id = ?")
            .get(roomId);
        this.#change(roomId, { since: now, keysAt: 0, ...(row === undefined ? {} : seriesFrom(row)), dueAt: now });
    }

    due(now: number): readonly Refresh[] {
        return this.#sql
            .prepare(`SELECT * FROM bundle_refreshes WHERE due_at IS NOT NULL AND ${waits} <= ?1 ORDER BY due_at`)
            .all(now)
            .map((row) => ({
                key: textOf(row, "room_id"),
                changes: numberOf(row, "changes"),
                failures: numberOf(row, "failures"),
                keysAt: numberOf(row, "keys_at"),
            }));
    }

    /** When the next of the others falls due; undefined if none waits. */
    nextAt(now: number): number | undefined {
        const row = this.#sql
            .prepare(`SELECT min(${waits}) AS at FROM bundle_refreshes WHERE due_at IS NOT NULL AND ${waits} > ?1`)
            .get(now);
        return numberOrNothing(row, "at");
    }

    /**
     * It was made; keys that came meanwhile make another one.
     * @param needed false: everybody had these keys, and the next that come are the first of a series
     */
    made({ key, changes }: Refresh, now: number, needed: boolean): void {
        this.#sql
            .prepare(
                `UPDATE bundle_refreshes SET failures = 0, not_before = 0, since = ?1, due_at = iif(changes = ?2, NULL, ?1 + ?3),
                 keys_at = iif(changes = ?2 AND NOT ?5, 0, keys_at) WHERE room_id = ?4`,
            )
            .run(now, changes, rest, key, Number(needed));
        this.#forgetSeries(now);
    }

    /** Until then, or until keys come, or sooner if some have come meanwhile: they are for everybody else, too. */
    postpone({ key, changes }: Refresh, { at, failures, notBefore }: Later, now: number): void {
        this.#sql
            .prepare(
                `UPDATE bundle_refreshes SET failures = ?1, not_before = ?2, since = ?3,
                 due_at = iif(changes = ?4, ?5, min(?5, ?3 + ?6)) WHERE room_id = ?7`,
            )
            .run(failures, notBefore, now, changes, at, rest, key);
    }

    #change(roomId: string, { since, keysAt, dueAt }: Series): void {
        this.#sql
            .prepare(
                `INSERT INTO bundle_refreshes (room_id, since, keys_at, due_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET changes = changes + 1, since = ?2, keys_at = ?3, due_at = ?4`,
            )
            .run(roomId, since, keysAt, dueAt ?? null);
    }

    /** Nothing waits in these rooms, and what comes next is a new series. */
    #forgetSeries(now: number): void {
        this.#sql
            .prepare("DELETE FROM bundle_refreshes WHERE due_at IS NULL AND keys_at NOT BETWEEN ?1 - ?2 AND ?1")
            .run(now, rest);
    }
}

function seriesFrom(row: Row): Series | undefined {
    const since = numberOrNothing(row, "since");
    return since === undefined
        ? undefined
        : { since, keysAt: numberOf(row, "keys_at"), dueAt: numberOrNothing(row, "due_at") };
}
