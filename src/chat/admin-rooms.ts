import type { DatabaseSync } from "node:sqlite";
import { type Database, flagOf, numberOf, numberOrNothing, textOf } from "../database/index.ts";

/** The bot's direct room with an admin. Times are milliseconds since the epoch. */
export interface AdminRoom {
    readonly roomId: string;
    /** Whether the bot's account data lists it as a direct room. */
    readonly listed: boolean;
    /** When the admin was first seen to have left, or declined; undefined: they have not. */
    readonly awaySince: number | undefined;
}

/**
 * A message to an admin: kept before it is sent, so that after a crash the same one goes out under the same transaction
 * ID.
 */
export interface AdminMessage {
    readonly id: number;
    /** The last notice that it tells. */
    readonly upTo: number;
}

export function createAdminRooms(sql: DatabaseSync): void {
    sql.exec(`
        CREATE TABLE admin_rooms (
            admin TEXT PRIMARY KEY,
            room_id TEXT NOT NULL,
            listed INTEGER NOT NULL DEFAULT 0,
            away_since INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE admin_messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            admin TEXT NOT NULL,
            up_to INTEGER NOT NULL,
            sent_at INTEGER
        ) STRICT;
        CREATE INDEX admin_messages_by_admin ON admin_messages (admin, sent_at);
    `);
}

/** Where each admin is told what, and what they were told. */
export class AdminRooms {
    readonly #sql: DatabaseSync;
    readonly #database: Database;

    constructor(database: Database) {
        this.#sql = database.sql;
        this.#database = database;
    }

    of(admin: string): AdminRoom | undefined {
        const row = this.#sql.prepare("SELECT room_id, listed, away_since FROM admin_rooms WHERE admin = ?").get(admin);
        if (row === undefined) return undefined;
        return {
            roomId: textOf(row, "room_id"),
            listed: flagOf(row, "listed"),
            awaySince: numberOrNothing(row, "away_since"),
        };
    }

    /** Takes the place of any room before. */
    made(admin: string, roomId: string): void {
        this.#write("INSERT OR REPLACE INTO admin_rooms (admin, room_id) VALUES (?, ?)", admin, roomId);
    }

    listed(admin: string): void {
        this.#write("UPDATE admin_rooms SET listed = 1 WHERE admin = ?", admin);
    }

    setAway(admin: string, since: number | undefined): void {
        this.#write("UPDATE admin_rooms SET away_since = ? WHERE admin = ?", since ?? null, admin);
    }

    /** The last notice that the admin was told; 0: none. */
    toldUpTo(admin: string): number {
        const row = this.#sql
            .prepare("SELECT max(up_to) AS up_to FROM admin_messages WHERE admin = ? AND sent_at IS NOT NULL")
            .get(admin);
        return numberOrNothing(row, "up_to") ?? 0;
    }

    /**
     * Messages that the admin was sent after `since`; what bears the time of a clock that was set back since does not
     * count.
     */
    sentSince(admin: string, since: number, now: number): number {
        const row = this.#sql
            .prepare("SELECT count(*) AS messages FROM admin_messages WHERE admin = ? AND sent_at > ? AND sent_at <= ?")
            .get(admin, since, now);
        return numberOf(row, "messages");
    }

    /** The message that was about to be sent, or a new one that tells notices up to `upTo`. */
    prepare(admin: string, upTo: number): AdminMessage {
        const kept = this.#sql
            .prepare("SELECT id, up_to FROM admin_messages WHERE admin = ? AND sent_at IS NULL")
            .get(admin);
        if (kept !== undefined) return { id: numberOf(kept, "id"), upTo: numberOf(kept, "up_to") };
        return { id: this.#write("INSERT INTO admin_messages (admin, up_to) VALUES (?, ?)", admin, upTo), upTo };
    }

    sent(message: AdminMessage, now: number): void {
        this.#write("UPDATE admin_messages SET sent_at = ? WHERE id = ?", now, message.id);
    }

    /** Nothing that the message was to tell is true any more. */
    drop(message: AdminMessage): void {
        this.#write("DELETE FROM admin_messages WHERE id = ?", message.id);
    }

    #write(statement: string, ...values: readonly (string | number | null)[]): number {
        return this.#database.transaction(() => Number(this.#sql.prepare(statement).run(...values).lastInsertRowid));
    }
}
