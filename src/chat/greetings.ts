import type { DatabaseSync } from "node:sqlite";
import type { Database, Schema } from "../database/index.ts";
import { createAdminRooms } from "./admin-rooms.ts";

export const chatSchema: Schema = {
    feature: "chat",
    migrations: [
        (sql) => {
            sql.exec("CREATE TABLE greetings (room_id TEXT PRIMARY KEY, txn_id TEXT NOT NULL, sent_at INTEGER) STRICT, WITHOUT ROWID");
        },
        createAdminRooms,
    ],
};

/** Which rooms the bot owes a greeting. */
export class Greetings {
    readonly #sql: DatabaseSync;
    readonly #database: Database;

    constructor(database: Database) {
        this.#sql = database.sql;
        this.#database = database;
    }

    /** Owes a greeting to a room just joined; inside the transaction that records the join. A room that was greeted before is not greeted again. */
    owe(roomId: string, txnId: string): void {
        this.#sql.prepare("INSERT INTO greetings (room_id, txn_id) VALUES (?, ?) ON CONFLICT DO NOTHING").run(roomId, txnId);
    }

    owed(): readonly { readonly roomId: string; readonly txnId: string }[] {
        return this.#sql
            .prepare("SELECT room_id, txn_id FROM greetings WHERE sent_at IS NULL")
            .all()
            .map((row) => ({ roomId: String(row["room_id"]), txnId: String(row["txn_id"]) }));
    }

    sent(roomId: string, now: number): void {
        this.#database.transaction(() => {
            this.#sql.prepare("UPDATE greetings SET sent_at = ? WHERE room_id = ?").run(now, roomId);
        });
    }
}
