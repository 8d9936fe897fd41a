import type { StatementSync } from "node:sqlite";
import { type Database, numberOf, numberOrNothing, type Row, textOf } from "../database/index.ts";
import { parseMegolmMessage, type RoomEvent } from "../matrix/index.ts";
import { type Candidate, SessionOwners } from "./session-owners.ts";

/** A session as one sender's events in a room use it. Trust limit: a sender may name any session, and any time. */
export interface SessionUse {
    readonly sessionId: string;
    readonly sender: string;
    /** When its first known event was sent, in milliseconds since the epoch, by the sender's server, within bounds. */
    readonly firstAt: number;
    /** When its last known event was sent, or later: a time that turned out too late is not taken back. */
    readonly lastAt: number;
    /** Known events, each counted once. */
    readonly events: number;
}

/**
 * Of a session that we hold from a later message on: how many known events come before it, when the last of those was
 * sent, and when the first one from it on.
 */
export interface SessionSplit {
    readonly before: number;
    /** Undefined: there is none. */
    readonly lastBefore: number | undefined;
    /** Undefined: no known event comes from there on. */
    readonly firstAfter: number | undefined;
}

/** Sessions that are read without a pause. */
const pageSize = 250;

/**
 * Sessions of one sender in a room: two million messages of an ordinary client. A room is counted session by session,
 * and anybody in it may name as many as they send events.
 */
const mostOfASender = 20_000;

/** Nothing was ever sent over Matrix before. */
export const firstMessageEver = Date.UTC(2014, 8);

/**
 * The earliest and the latest time that an event may have been sent at, in milliseconds since the epoch. Where our own
 * clock is wrong, the earliest stands.
 */
export interface TimeBounds {
    readonly notBefore: number;
    readonly notAfter: number;
}

/** What a record call learns of one session. */
interface Growth {
    readonly id: number;
    readonly sessionId: string;
    readonly sender: string;
    readonly messages: Candidate[];
    added: number;
    firstAt: number;
    lastAt: number;
}

/** Which sessions the rooms' events use. Every writing call stands in a transaction of the caller. */
export class SessionUses {
    readonly #insertSession: StatementSync;
    readonly #selectSession: StatementSync;
    readonly #selectFull: StatementSync;
    readonly #insertEvent: StatementSync;
    readonly #lowerEvent: StatementSync;
    readonly #grow: StatementSync;
    readonly #selectPage: StatementSync;
    readonly #selectSplit: StatementSync;
    readonly #selectFrom: StatementSync;
    readonly #owners: SessionOwners;
    readonly #mostOfASender: number;

    /**
     * @param database opened with `timelineSchema`
     * @param most sessions of one sender in a room; events of others are not recorded
     */
    constructor(database: Database, most = mostOfASender) {
        this.#mostOfASender = most;
        const { sql } = database;
        this.#owners = new SessionOwners(database);
        this.#insertSession = sql.prepare(
            `INSERT INTO timeline_sessions (room_id, session_id, sender, first_at, last_at, events)
             VALUES (?1, ?2, ?3, ?4, ?4, 0)`,
        );
        this.#selectSession = sql.prepare(
            "SELECT id FROM timeline_sessions WHERE room_id = ? AND session_id = ? AND sender = ?",
        );
        this.#selectFull = sql.prepare(
            "SELECT 1 FROM timeline_sessions WHERE room_id = ? AND sender = ? LIMIT 1 OFFSET ?",
        );
        this.#insertEvent = sql.prepare("INSERT INTO timeline_events VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
        this.#lowerEvent = sql.prepare(
            "UPDATE timeline_events SET at = ?3 WHERE session = ?1 AND message_index = ?2 AND at > ?3",
        );
        this.#grow = sql.prepare(
            `UPDATE timeline_sessions SET events = events + ?2, first_at = min(first_at, ?3), last_at = max(last_at, ?4)
             WHERE id = ?1`,
        );
        const columns = "session_id, sender, first_at, last_at, events";
        this.#selectPage = sql.prepare(
            `SELECT ${columns} FROM timeline_sessions WHERE room_id = ? AND (session_id, sender) > (?, ?) ORDER BY session_id, sender LIMIT ?`,
        );
        this.#selectSplit = sql.prepare(
            `SELECT count(*) FILTER (WHERE message_index < ?4) AS before,
                max(at) FILTER (WHERE message_index < ?4) AS last_before,
                min(at) FILTER (WHERE message_index >= ?4) AS first_after
             FROM timeline_events JOIN timeline_sessions ON session = id WHERE room_id = ?1 AND session_id = ?2 AND sender = ?3`,
        );
        this.#selectFrom = sql.prepare(
            `SELECT 1 FROM timeline_sessions JOIN timeline_events ON session = id
             WHERE room_id = ? AND session_id = ? AND message_index >= ? LIMIT 1`,
        );
    }

    /**
     * Counts the Megolm messages among these events; malformed and redacted ones are none. Answers how many there are,
     * and how many of them were not known yet.
     */
    record(
        roomId: string,
        events: readonly RoomEvent[],
        bounds: TimeBounds,
    ): { readonly seen: number; readonly added: number } {
        let [seen, added] = [0, 0];
        const growing = new Map<string, Growth>();
        for (const { type, stateKey, sender, content, originServerTs } of events) {
            if (type !== "m.room.encrypted" || stateKey !== undefined) continue;
            const message = parseMegolmMessage(content);
            if (message === undefined) continue;
            seen++;
            const at = Math.max(Math.min(originServerTs, bounds.notAfter), bounds.notBefore);
            const name = message.sessionId + sender;
            const growth = growing.get(name) ?? this.#growth(roomId, message.sessionId, sender, at);
            if (growth === undefined) {
                // It was not known before, either: whoever reads backwards goes on.
                added++;
                continue;
            }
            growing.set(name, growth);
            growth.messages.push({ at, content });
            growth.firstAt = Math.min(growth.firstAt, at);
            growth.lastAt = Math.max(growth.lastAt, at);
            // Of the times given for one message the earliest counts, in whatever order they come.
            if (this.#insertEvent.run(growth.id, message.messageIndex, at).changes > 0) growth.added++;
            else this.#lowerEvent.run(growth.id, message.messageIndex, at);
        }
        for (const growth of growing.values()) {
            this.#grow.run(growth.id, growth.added, growth.firstAt, growth.lastAt);
            this.#owners.record(roomId, growth, growth.messages);
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

    split(
        roomId: string,
        { sessionId, sender }: Pick<SessionUse, "sessionId" | "sender">,
        firstIndex: number,
    ): SessionSplit {
        const row = this.#selectSplit.get(roomId, sessionId, sender, firstIndex);
        return {
            before: numberOf(row, "before"),
            lastBefore: numberOrNothing(row, "last_before"),
            firstAfter: numberOrNothing(row, "first_after"),
        };
    }

    /** Whether a known event of the room uses the session from this message on, whoever names it. */
    isUsed(roomId: string, sessionId: string, firstIndex: number): boolean {
        return this.#selectFrom.get(roomId, sessionId, firstIndex) !== undefined;
    }

    /** Undefined: it would be one session too many. */
    #growth(roomId: string, sessionId: string, sender: string, at: number): Growth | undefined {
        const id = this.#session(roomId, sessionId, sender, at);
        return id === undefined
            ? undefined
            : { id, sessionId, sender, messages: [], added: 0, firstAt: at, lastAt: at };
    }

    #session(roomId: string, sessionId: string, sender: string, at: number): number | undefined {
        const known = this.#selectSession.get(roomId, sessionId, sender);
        if (known !== undefined) return numberOf(known, "id");
        if (this.#selectFull.get(roomId, sender, this.#mostOfASender - 1) !== undefined) return undefined;
        return Number(this.#insertSession.run(roomId, sessionId, sender, at).lastInsertRowid);
    }
}

function useFrom(row: Row): SessionUse {
    return {
        sessionId: textOf(row, "session_id"),
        sender: textOf(row, "sender"),
        firstAt: numberOf(row, "first_at"),
        lastAt: numberOf(row, "last_at"),
        events: numberOf(row, "events"),
    };
}
