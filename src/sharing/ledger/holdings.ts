import type { DatabaseSync } from "node:sqlite";
import { numberOf } from "../../database/index.ts";
import type { RoomHoldings } from "../../crypto/index.ts";

/** What the crypto store holds of each room, copied here for `status`: that store is the worker's alone. */
export class Holdings {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    set(roomId: string, holdings: RoomHoldings): void {
        this.#sql
            .prepare(
                `INSERT INTO room_holdings (room_id, shareable, not_shareable, unknown) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET shareable = excluded.shareable, not_shareable = excluded.not_shareable, unknown = excluded.unknown`,
            )
            .run(roomId, holdings.shareable, holdings.notShareable, holdings.unknown);
    }

    forget(roomId: string): void {
        this.#sql.prepare("DELETE FROM room_holdings WHERE room_id = ?").run(roomId);
    }

    get(roomId: string): RoomHoldings | undefined {
        const row = this.#sql
            .prepare("SELECT shareable, not_shareable, unknown FROM room_holdings WHERE room_id = ?")
            .get(roomId);
        if (row === undefined) return undefined;
        return {
            shareable: numberOf(row, "shareable"),
            notShareable: numberOf(row, "not_shareable"),
            unknown: numberOf(row, "unknown"),
        };
    }
}
