import type { StatementSync } from "node:sqlite";
import { type Database, type Schema, textOf } from "../database/index.ts";

export const leftRoomsSchema: Schema = {
    feature: "left_rooms",
    migrations: [
        (sql) =>
            sql.exec(`
                CREATE TABLE left_rooms (
                    room_id TEXT PRIMARY KEY,
                    -- Milliseconds for which the bot, running, has been away, by a clock that does not jump.
                    away_ms INTEGER NOT NULL DEFAULT 0,
                    -- 1: the keys are forgotten.
                    forgotten INTEGER NOT NULL DEFAULT 0
                ) STRICT, WITHOUT ROWID;
            `),
    ],
};

/** Neither in the room nor invited to it: a pending invite may bring the bot back, so that it stops the count. */
const away = "room_id IN (SELECT room_id FROM rooms WHERE membership IN ('leave', 'ban'))";

/**
 * Rooms that the bot has left, for how long it has been away, and whether it still has their keys. Every writing call
 * stands in a transaction of the caller.
 */
export class LeftRooms {
    readonly #insert: StatementSync;
    readonly #adopt: StatementSync;
    readonly #delete: StatementSync;
    readonly #count: StatementSync;
    readonly #selectDue: StatementSync;
    readonly #forgotten: StatementSync;
    readonly #selectKept: StatementSync;

    /** @param database opened with `roomsSchema` and `leftRoomsSchema` */
    constructor({ sql }: Database) {
        this.#insert = sql.prepare("INSERT INTO left_rooms (room_id) VALUES (?) ON CONFLICT DO NOTHING");
        this.#adopt = sql.prepare(
            "INSERT INTO left_rooms (room_id) SELECT room_id FROM rooms WHERE membership IN ('leave', 'ban') ON CONFLICT DO NOTHING",
        );
        this.#delete = sql.prepare("DELETE FROM left_rooms WHERE room_id = ?");
        this.#count = sql.prepare(`UPDATE left_rooms SET away_ms = away_ms + ? WHERE forgotten = 0 AND ${away}`);
        this.#selectDue = sql.prepare(
            `SELECT room_id FROM left_rooms WHERE forgotten = 0 AND away_ms >= ? AND ${away}`,
        );
        this.#forgotten = sql.prepare("UPDATE left_rooms SET forgotten = 1 WHERE room_id = ?");
        this.#selectKept = sql.prepare(
            `SELECT room_id FROM rooms WHERE membership IN ('join', 'invite') OR (joined_at IS NOT NULL
                AND room_id NOT IN (SELECT room_id FROM left_rooms WHERE forgotten = 1)) ORDER BY room_id`,
        );
    }

    left(roomId: string): void {
        this.#insert.run(roomId);
    }

    /** Rooms that were left before anybody kept this table. */
    adopt(): void {
        this.#adopt.run();
    }

    /** The bot is in the room: what was counted is void. */
    back(roomId: string): void {
        this.#delete.run(roomId);
    }

    /** So many more milliseconds have passed. */
    count(milliseconds: number): void {
        this.#count.run(Math.floor(milliseconds));
    }

    /** Rooms whose keys are still here and where the bot has not been for at least so many milliseconds. */
    due(milliseconds: number): readonly string[] {
        return this.#selectDue.all(milliseconds).map((row) => textOf(row, "room_id"));
    }

    forgotten(roomId: string): void {
        this.#forgotten.run(roomId);
    }

    /** Rooms whose keys are kept: that the bot is in or invited to, or was in and has not forgotten. */
    kept(): readonly string[] {
        return this.#selectKept.all().map((row) => textOf(row, "room_id"));
    }
}
