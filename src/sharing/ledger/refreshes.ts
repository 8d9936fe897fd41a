import type { DatabaseSync } from "node:sqlite";

/** Milliseconds after the last change for which more are waited for: keys come in flocks. */
const rest = 20_000;
/** Milliseconds after the first change for which they are waited for at most. */
const longestRest = 120_000;
/** Milliseconds. No refresh is put off further: what lies further ahead was written under a clock that went wrong. */
const farthest = 3_700_000;

/** A room whose set has changed since its pending invitees were served. */
export interface Refresh {
    readonly roomId: string;
    /** How often keys came. */
    readonly changes: number;
    /** How often in a row somebody could not be served. */
    readonly failures: number;
}

/** Which rooms are to be refreshed, and when. Times are milliseconds since the epoch. Every method belongs inside a transaction of the caller's. */
export class Refreshes {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /**
     * Keys of these rooms came, or may have come while nobody looked: those where somebody was served and has not joined yet fall due, or is
     * just being served, maybe without them.
     */
    note(roomIds: readonly string[], now: number): void {
        this.#sql
            .prepare(
                `INSERT INTO bundle_refreshes (room_id, since, due_at)
                 SELECT DISTINCT room_id, ?1, ?1 + ?2 FROM share_jobs
                 WHERE state IN ('delivering', 'delivered', 'reinvited') AND room_id IN (SELECT value FROM json_each(?4))
                 ON CONFLICT DO UPDATE SET changes = changes + 1, since = min(since, ?1), due_at = min(?1 + ?2, min(since, ?1) + ?3)`,
            )
            .run(now, rest, longestRest, JSON.stringify(roomIds));
    }

    due(now: number): readonly Refresh[] {
        return this.#sql
            .prepare("SELECT * FROM bundle_refreshes WHERE due_at NOT BETWEEN ?1 + 1 AND ?1 + ?2 ORDER BY due_at")
            .all(now, farthest)
            .map((row) => ({ roomId: String(row["room_id"]), changes: Number(row["changes"]), failures: Number(row["failures"]) }));
    }

    /** When the next of the others falls due; undefined if none waits. */
    nextAt(now: number): number | undefined {
        const at = this.#sql
            .prepare("SELECT min(due_at) AS at FROM bundle_refreshes WHERE due_at BETWEEN ?1 + 1 AND ?1 + ?2")
            .get(now, farthest)?.["at"];
        return typeof at === "number" ? at : undefined;
    }

    /** It was made; keys that came meanwhile make another one. */
    made({ roomId, changes }: Refresh, now: number): void {
        this.#sql.prepare("DELETE FROM bundle_refreshes WHERE room_id = ? AND changes = ?").run(roomId, changes);
        this.#sql
            .prepare("UPDATE bundle_refreshes SET since = ?1, due_at = ?1 + ?2, failures = 0 WHERE room_id = ?3")
            .run(now, rest, roomId);
    }

    /** Until then, or until keys come: they are for everybody else, too. */
    postpone({ roomId }: Refresh, next: { readonly at: number; readonly failures: number }): void {
        this.#sql
            .prepare("UPDATE bundle_refreshes SET since = ?1, due_at = ?1, failures = ?2 WHERE room_id = ?3")
            .run(next.at, next.failures, roomId);
    }
}
