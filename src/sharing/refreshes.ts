import type { DatabaseSync } from "node:sqlite";

/** Milliseconds after the last change for which more are waited for: keys come in flocks. */
const rest = 20_000;
/** Milliseconds after the first change for which they are waited for at most. */
const longestRest = 120_000;

/** A room whose set has changed since its pending invitees were served. Times are milliseconds since the epoch. */
export interface Refresh {
    readonly roomId: string;
    readonly dueAt: number;
}

/** Which rooms are to be refreshed, and when. Every method belongs inside a transaction of the caller's. */
export class Refreshes {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** Keys of these rooms came, or may have come while nobody looked: those where somebody was served and has not joined yet fall due. */
    note(roomIds: readonly string[], now: number): void {
        this.#sql
            .prepare(
                `INSERT INTO bundle_refreshes (room_id, since, due_at)
                 SELECT DISTINCT room_id, ?1, ?1 + ?2 FROM share_jobs JOIN bundle_deliveries ON job_id = share_jobs.id
                 WHERE state IN ('delivered', 'reinvited') AND room_id IN (SELECT value FROM json_each(?4))
                 ON CONFLICT DO UPDATE SET due_at = max(due_at, min(?1 + ?2, since + ?3))`,
            )
            .run(now, rest, longestRest, JSON.stringify(roomIds));
    }

    due(now: number): readonly Refresh[] {
        return this.#sql
            .prepare("SELECT room_id, due_at FROM bundle_refreshes WHERE due_at <= ? ORDER BY due_at")
            .all(now)
            .map((row) => ({ roomId: String(row["room_id"]), dueAt: Number(row["due_at"]) }));
    }

    /** When the next falls due; undefined if none waits. */
    nextAt(): number | undefined {
        const at = this.#sql.prepare("SELECT min(due_at) AS at FROM bundle_refreshes").get()?.["at"];
        return typeof at === "number" ? at : undefined;
    }

    /** It was made, unless keys came meanwhile: then it stays. */
    made({ roomId, dueAt }: Refresh): void {
        this.#sql.prepare("DELETE FROM bundle_refreshes WHERE room_id = ? AND due_at = ?").run(roomId, dueAt);
    }

    postpone({ roomId }: Refresh, until: number): void {
        this.#sql.prepare("UPDATE bundle_refreshes SET due_at = max(due_at, ?) WHERE room_id = ?").run(until, roomId);
    }
}
