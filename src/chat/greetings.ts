import type { DatabaseSync } from "node:sqlite";
import { type Database, flagOf, type Schema, textOf, wordOrNothing } from "../database/index.ts";
import { createAdminRooms } from "./admin-rooms.ts";
import { type GreetingKind, greetingKinds } from "../texts/index.ts";

export const chatSchema: Schema = {
    feature: "chat",
    migrations: [
        (sql) => {
            sql.exec(
                "CREATE TABLE greetings (room_id TEXT PRIMARY KEY, txn_id TEXT NOT NULL, sent_at INTEGER) STRICT, WITHOUT ROWID",
            );
        },
        createAdminRooms,
        // Which kind of greeting it was, from before it is sent. Earlier versions did not say: those greetings are not
        // corrected.
        (sql) => {
            sql.exec("ALTER TABLE greetings ADD COLUMN said TEXT");
            sql.exec("ALTER TABLE greetings ADD COLUMN corrected_at INTEGER");
        },
    ],
};

/** Something that the bot still has to say in a room, under a transaction ID that was kept before the first try. */
export interface OwedWord {
    readonly roomId: string;
    readonly txnId: string;
    readonly what: "greeting" | "correction";
    /** What a greeting may have said already, if a try of it was cut off; of a correction: what it corrects. */
    readonly said: GreetingKind | undefined;
}

/** Which rooms the bot owes a greeting, or the correction of one. */
export class Greetings {
    readonly #sql: DatabaseSync;
    readonly #database: Database;

    constructor(database: Database) {
        this.#sql = database.sql;
        this.#database = database;
    }

    /**
     * Owes a greeting to a room just joined; inside the transaction that records the join. A room that was greeted
     * before is not greeted again.
     */
    owe(roomId: string, txnId: string): void {
        this.#sql
            .prepare("INSERT INTO greetings (room_id, txn_id) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .run(roomId, txnId);
    }

    /** Whether the room is still to be greeted. */
    isOwed(roomId: string): boolean {
        const owed = this.#sql.prepare("SELECT 1 FROM greetings WHERE room_id = ? AND sent_at IS NULL");
        return owed.get(roomId) !== undefined;
    }

    /** Greetings that were not sent, and corrections of those that had to leave open what the bot can hand on. */
    owed(): readonly OwedWord[] {
        return this.#sql
            .prepare(
                `SELECT room_id, txn_id, said, sent_at IS NULL AS unsent FROM greetings
                 WHERE sent_at IS NULL OR (said = 'looking' AND corrected_at IS NULL)`,
            )
            .all()
            .map((row) => ({
                roomId: textOf(row, "room_id"),
                txnId: flagOf(row, "unsent") ? textOf(row, "txn_id") : `${textOf(row, "txn_id")}-correction`,
                what: flagOf(row, "unsent") ? "greeting" : "correction",
                said: wordOrNothing(row, "said", greetingKinds),
            }));
    }

    /**
     * Before a greeting is sent. One that may have said "looking" stays so: a later try with another text does not
     * replace it.
     */
    prepare(roomId: string, said: GreetingKind): void {
        this.#write("UPDATE greetings SET said = ? WHERE room_id = ? AND said IS NOT 'looking'", said, roomId);
    }

    sent({ roomId, what }: OwedWord, now: number): void {
        switch (what) {
            case "greeting":
                return this.#write("UPDATE greetings SET sent_at = ? WHERE room_id = ?", now, roomId);
            case "correction":
                return this.#write("UPDATE greetings SET corrected_at = ? WHERE room_id = ?", now, roomId);
        }
    }

    #write(statement: string, ...values: readonly (string | number)[]): void {
        this.#database.transaction(() => void this.#sql.prepare(statement).run(...values));
    }
}
