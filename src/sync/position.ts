import type { StatementSync } from "node:sqlite";
import { type Database, numberOrNothing, textOrNothing } from "../database/index.ts";
import type { SyncBatch } from "../matrix/index.ts";

/** How far the sync has been recorded. */
export class SyncPosition {
    readonly #selectToken: StatementSync;
    readonly #upsert: StatementSync;

    /** @param database opened with `syncSchema` */
    constructor({ sql }: Database) {
        this.#selectToken = sql.prepare("SELECT token FROM sync_position");
        this.#upsert = sql.prepare(
            `INSERT INTO sync_position (id, token, recorded_at) VALUES (1, ?, ?)
             ON CONFLICT DO UPDATE SET token = excluded.token, recorded_at = excluded.recorded_at`,
        );
    }

    /** What to ask `/sync` with; undefined before the first batch. */
    token(): string | undefined {
        const row = this.#selectToken.get();
        return textOrNothing(row, "token");
    }

    /** Moves on past a batch. Belongs inside the transaction that records it. */
    advance({ nextBatch }: Pick<SyncBatch, "nextBatch">, now: number): void {
        this.#upsert.run(nextBatch, now);
    }
}

/** When the last batch was recorded, in milliseconds since the epoch; undefined before the first. */
export function lastSuccessAt({ sql }: Database): number | undefined {
    const row = sql.prepare("SELECT recorded_at FROM sync_position").get();
    return numberOrNothing(row, "recorded_at");
}

/** The next sync asks for everything. Belongs inside a transaction. */
export function forgetSyncPosition({ sql }: Database): void {
    sql.exec("DELETE FROM sync_position");
}
