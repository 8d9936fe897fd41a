import type { DatabaseSync } from "node:sqlite";
import { textOrNothing } from "../../database/index.ts";

/** No room has an empty ID: this row is for all rooms that have none of their own. */
const everywhere = "";

/** The configured modes, copied here for `status`, which reads no configuration. */
export class Modes {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** Takes the configuration's place; inside a transaction of the caller's. */
    replace(usual: string, ofRooms: ReadonlyMap<string, string>): void {
        this.#sql.exec("DELETE FROM share_modes");
        const insert = this.#sql.prepare("INSERT INTO share_modes (room_id, mode) VALUES (?, ?)");
        for (const [roomId, mode] of [[everywhere, usual] as const, ...ofRooms]) insert.run(roomId, mode);
    }

    /** The mode that the last start of the bot had for this room. */
    of(roomId: string): string {
        const row = this.#sql
            .prepare("SELECT mode FROM share_modes WHERE room_id IN (?, ?) ORDER BY room_id DESC LIMIT 1")
            .get(roomId, everywhere);
        return textOrNothing(row, "mode") ?? "automatic";
    }
}
