import type { StatementSync } from "node:sqlite";
import type { Database } from "../database/index.ts";
import { parseMegolmMessage, type RoomEvent } from "../matrix/index.ts";

/** A session as one sender's events in a room use it. Trust limit: a sender may name any session, and any time. */
export interface SessionUse {
    readonly sessionId: string;
    readonly sender: string;
    /** When its first known event was sent, in milliseconds since the epoch, by the sender's server, within bounds. */
    readonly firstAt: number;
    /** Known events, each counted once. */
    readonly events: number;
}

/** Of a session that we hold from a later message on: how many known events come before it, and when the first one from it on was sent. */
export interface SessionSplit {
    readonly before: number;
    /** Undefined: no known event comes from there on. */
    readonly firstAfter: number | undefined;
}

/** Nothing was ever sent over Matrix before. */
export const firstMessageEver = Date.UTC(2014, 8);

/** The earliest and the latest time that an event may have been sent at, in milliseconds since the epoch. */
export interface TimeBounds {
    readonly notBefore: number;
    readonly notAfter: number;
}

/** Which sessions the rooms' events use. Every writing call stands in a transaction of the caller. */
export class SessionUses {
    readonly #insertSession: StatementSync;
    readonly #selectSession: StatementSync;
    readonly #insertEvent: StatementSync;
    readonly #lowerEvent: StatementSync;
    readonly #count: StatementSync;
    readonly #lowerSession: StatementSync;
    readonly #selectRoom: StatementSync;
    readonly #selectSplit: StatementSync;

    /** @param database opened with `timelineSchema` */
    constructor({ sql }: Database) {
        this.#insertSession = sql.prepare(
            "INSERT INTO timeline_sessions (room_id, session_id, sender, first_at, events) VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
        );
        this.#selectSession = sql.prepare("SELECT id FROM timeline_sessions WHERE room_id = ? AND session_id = ? AND sender = ?");
        this.#insertEvent = sql.prepare("INSERT INTO timeline_events VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
        this.#lowerEvent = sql.prepare("UPDATE timeline_events SET at = ?3 WHERE session = ?1 AND message_index = ?2 AND at > ?3");
        this.#count = sql.prepare("UPDATE timeline_sessions SET events = events + 1, first_at = min(first_at, ?2) WHERE id = ?1");
        this.#lowerSession = sql.prepare("UPDATE timeline_sessions SET first_at = ?2 WHERE id = ?1 AND first_at > ?2");
        this.#selectRoom = sql.prepare("SELECT session_id, sender, first_at, events FROM timeline_sessions WHERE room_id = ?");
        this.#selectSplit = sql.prepare(
            `SELECT count(*) FILTER (WHERE message_index < ?4) AS before, min(at) FILTER (WHERE message_index >= ?4) AS first_after
             FROM timeline_events JOIN timeline_sessions ON session = id WHERE room_id = ?1 AND session_id = ?2 AND sender = ?3`,
        );
    }

    /** Counts the Megolm messages among these events; malformed and redacted ones are none. Answers how many there are, and how many of them were not known yet. */
    record(roomId: string, events: readonly RoomEvent[], bounds: TimeBounds): { readonly seen: number; readonly added: number } {
        let [seen, added] = [0, 0];
        for (const { type, stateKey, sender, content, originServerTs } of events) {
            if (type !== "m.room.encrypted" || stateKey !== undefined) continue;
            const message = parseMegolmMessage(content);
            if (message === undefined) continue;
            seen++;
            const at = Math.min(Math.max(originServerTs, bounds.notBefore), bounds.notAfter);
            if (this.#add(this.#session(roomId, message.sessionId, sender, at), message.messageIndex, at)) added++;
        }
        return { seen, added };
    }

    /** Every session that known events of the room use, in no order. */
    inRoom(roomId: string): readonly SessionUse[] {
        return this.#selectRoom.all(roomId).map((row) => ({
            sessionId: String(row["session_id"]),
            sender: String(row["sender"]),
            firstAt: Number(row["first_at"]),
            events: Number(row["events"]),
        }));
    }

    split(roomId: string, { sessionId, sender }: Pick<SessionUse, "sessionId" | "sender">, firstIndex: number): SessionSplit {
        const row = this.#selectSplit.get(roomId, sessionId, sender, firstIndex);
        const firstAfter = row?.["first_after"];
        return { before: Number(row?.["before"] ?? 0), firstAfter: typeof firstAfter === "number" ? firstAfter : undefined };
    }

    #session(roomId: string, sessionId: string, sender: string, at: number): number {
        this.#insertSession.run(roomId, sessionId, sender, at);
        return Number(this.#selectSession.get(roomId, sessionId, sender)?.["id"]);
    }

    /** Answers whether the message is a new one. Of the times given for one message the earliest counts, in whatever order they come. */
    #add(session: number, messageIndex: number, at: number): boolean {
        if (this.#insertEvent.run(session, messageIndex, at).changes > 0) {
            this.#count.run(session, at);
            return true;
        }
        if (this.#lowerEvent.run(session, messageIndex, at).changes > 0) this.#lowerSession.run(session, at);
        return false;
    }
}
