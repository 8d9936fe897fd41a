import type { StatementSync } from "node:sqlite";
import type { Database } from "../database/index.ts";
import { hasWholeState, type SyncBatch } from "../matrix/index.ts";

/** How far the sync has been recorded. */
export class SyncPosition {
    readonly #selectToken: StatementSync;
    readonly #upsert: StatementSync;
    readonly #insertGap: StatementSync;

    /** @param database opened with `syncSchema` */
    constructor({ sql }: Database) {
        this.#selectToken = sql.prepare("SELECT token FROM sync_position");
        this.#upsert = sql.prepare(
            `INSERT INTO sync_position (id, token, recorded_at) VALUES (1, ?, ?)
             ON CONFLICT DO UPDATE SET token = excluded.token, recorded_at = excluded.recorded_at`,
        );
        this.#insertGap = sql.prepare("INSERT OR IGNORE INTO sync_gaps (room_id, from_token, to_token, noticed_at) VALUES (?, ?, ?, ?)");
    }

    /** What to ask `/sync` with; undefined before the first batch. */
    token(): string | undefined {
        const row = this.#selectToken.get();
        return row === undefined ? undefined : String(row["token"]);
    }

    /** Moves on past this batch, and notes where its timelines have gaps. Belongs inside the transaction that records the batch. */
    advance(batch: SyncBatch, now: number): void {
        for (const [roomId, room] of batch.joined) {
            if (!room.limited || room.prevBatch === undefined) continue;
            const until = hasWholeState(room) ? undefined : batch.since;
            this.#insertGap.run(roomId, room.prevBatch, until ?? null, now);
        }
        this.#upsert.run(batch.nextBatch, now);
    }
}

/** When the last batch was recorded, in milliseconds since the epoch; undefined before the first. */
export function lastSuccessAt({ sql }: Database): number | undefined {
    const row = sql.prepare("SELECT recorded_at FROM sync_position").get();
    return row === undefined ? undefined : Number(row["recorded_at"]);
}
