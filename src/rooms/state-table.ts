import type { StatementSync } from "node:sqlite";
import { type Database, textOf, textOrNothing } from "../database/index.ts";
import type { RoomEvent } from "../matrix/index.ts";

/** The state events with an empty state key that we keep. */
export const keptTypes = [
    "m.room.create",
    "m.room.encryption",
    "m.room.history_visibility",
    "m.room.power_levels",
    "m.room.tombstone",
] as const;
export type KeptType = (typeof keptTypes)[number];

export interface StateEvent {
    readonly eventId: string;
    readonly sender: string;
    /** Undefined: there is such an event, and its content cannot be read. */
    readonly content: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The largest content that an event of the specification can have, in characters. Source: Matrix v1.19, "Size limits".
 */
const longestContent = 65_536;

/** The current state of rooms, as far as we look at it. */
export class StateTable {
    readonly #select: StatementSync;
    readonly #upsert: StatementSync;
    readonly #deleteRoom: StatementSync;
    readonly #selectSuccessor: StatementSync;

    constructor({ sql }: Database) {
        this.#select = sql.prepare("SELECT event_id, sender, content FROM room_state WHERE room_id = ? AND type = ?");
        this.#upsert = sql.prepare(
            `INSERT INTO room_state (room_id, type, event_id, sender, content) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET event_id = excluded.event_id, sender = excluded.sender, content = excluded.content`,
        );
        this.#deleteRoom = sql.prepare("DELETE FROM room_state WHERE room_id = ?");
        this.#selectSuccessor = sql.prepare(
            `SELECT 1 FROM rooms JOIN room_state USING (room_id) WHERE membership = 'join' AND type = 'm.room.create'
             AND json_extract(content, '$.predecessor.room_id') = ? LIMIT 1`,
        );
    }

    get(roomId: string, type: KeptType): StateEvent | undefined {
        const row = this.#select.get(roomId, type);
        if (row === undefined) return undefined;
        const text = textOrNothing(row, "content");
        const content: unknown = text === undefined ? undefined : JSON.parse(text);
        return {
            eventId: textOf(row, "event_id"),
            sender: textOf(row, "sender"),
            content: isObject(content) ? content : undefined,
        };
    }

    put(roomId: string, type: KeptType, event: RoomEvent): void {
        this.#upsert.run(roomId, type, event.eventId, event.sender, contentText(event) ?? null);
    }

    /** There was such an event, and nothing of it can be read. */
    putUnreadable(roomId: string, type: KeptType): void {
        this.#upsert.run(roomId, type, "", "", null);
    }

    /** Whether we are in a room that says that it replaces this one. */
    isSucceeded(roomId: string): boolean {
        return this.#selectSuccessor.get(roomId) !== undefined;
    }

    deleteRoom(roomId: string): void {
        this.#deleteRoom.run(roomId);
    }
}

function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

function contentText({ content }: RoomEvent): string | undefined {
    const text = JSON.stringify(content);
    return text.length > longestContent ? undefined : text;
}
