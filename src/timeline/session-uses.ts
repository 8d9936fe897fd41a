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

/** Sessions that are read without a pause. */
const pageSize = 250;

/** Nothing was ever sent over Matrix before. */
export const firstMessageEver = Date.UTC(2014, 8);

/** The earliest and the latest time that an event may have been sent at, in milliseconds since the epoch. Where our own clock is wrong, the earliest stands. */
export interface TimeBounds {
    readonly notBefore: number;
    readonly notAfter: number;
}

/** What a record call learns of one session. */
interface Growth {
    readonly id: number;
    added: number;
    firstAt: number;
}

/** Which sessions the rooms' events use. Every writing call stands in a transaction of the caller. */
export class SessionUses {
    readonly #insertSession: StatementSync;
    readonly #selectSession: StatementSync;
    readonly #insertEvent: StatementSync;
    readonly #lowerEvent: StatementSync;
    readonly #grow: StatementSync;
    readonly #selectPage: StatementSync;
    readonly #selectSplit: StatementSync;

    /** @param database opened with `timelineSchema` */
    constructor({ sql }: Database) {
        this.#insertSession = sql.prepare(
            "INSERT INTO timeline_sessions (room_id, session_id, sender, first_at, events) VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
        );
        this.#selectSession = sql.prepare("SELECT id FROM timeline_sessions WHERE room_id = ? AND session_id = ? AND sender = ?");
        this.#insertEvent = sql.prepare("INSERT INTO timeline_events VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
        this.#lowerEvent = sql.prepare("UPDATE timeline_events SET at = ?3 WHERE session = ?1 AND message_index = ?2 AND at > ?3");
        this.#grow = sql.prepare("UPDATE timeline_sessions SET events = events + ?2, first_at = min(first_at, ?3) WHERE id = ?1");
        const columns = "session_id, sender, first_at, events";
        this.#selectPage = sql.prepare(
            `SELECT ${columns} FROM timeline_sessions WHERE room_id = ? AND (session_id, sender) > (?, ?) ORDER BY session_id, sender LIMIT ?`,
        );
        this.#selectSplit = sql.prepare(
            `SELECT count(*) FILTER (WHERE message_index < ?4) AS before, min(at) FILTER (WHERE message_index >= ?4) AS first_after
             FROM timeline_events JOIN timeline_sessions ON session = id WHERE room_id = ?1 AND session_id = ?2 AND sender = ?3`,
        );
    }

    /** Counts the Megolm messages among these events; malformed and redacted ones are none. Answers how many there are, and how many of them were not known yet. */
    record(roomId: string, events: readonly RoomEvent[], bounds: TimeBounds): { readonly seen: number; readonly added: number } {
        let [seen, added] = [0, 0];
        const growing = new Map<string, Growth>();
        for (const { type, stateKey, sender, content, originServerTs } of events) {
            if (type !== "m.room.encrypted" || stateKey !== undefined) continue;
            const message = parseMegolmMessage(content);
            if (message === undefined) continue;
            seen++;
            const at = Math.max(Math.min(originServerTs, bounds.notAfter), bounds.notBefore);
            const name = message.sessionId + sender;
            const growth = growing.get(name) ?? { id: this.#session(roomId, message.sessionId, sender, at), added: 0, firstAt: at };
            growing.set(name, growth);
            growth.firstAt = Math.min(growth.firstAt, at);
            // Of the times given for one message the earliest counts, in whatever order they come.
            if (this.#insertEvent.run(growth.id, message.messageIndex, at).changes > 0) growth.added++;
            else this.#lowerEvent.run(growth.id, message.messageIndex, at);
        }
        for (const growth of growing.values()) {
            this.#grow.run(growth.id, growth.added, growth.firstAt);
            added += growth.added;
        }
        return { seen, added };
    }

    /** Every session that known events of the room use, so many at a time that nobody waits long for one page. */
    *pages(roomId: string): Generator<readonly SessionUse[], void, void> {
        for (let last: SessionUse | undefined; ;) {
            const page = this.#selectPage.all(roomId, last?.sessionId ?? "", last?.sender ?? "", pageSize).map(useFrom);
            yield page;
            if (page.length < pageSize) return;
            last = page.at(-1);
        }
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
}

function useFrom(row: Readonly<Record<string, unknown>>): SessionUse {
    return {
        sessionId: String(row["session_id"]),
        sender: String(row["sender"]),
        firstAt: Number(row["first_at"]),
        events: Number(row["events"]),
    };
}
