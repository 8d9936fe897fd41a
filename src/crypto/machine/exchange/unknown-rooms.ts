import type { DatabaseSync } from "node:sqlite";
import { numberOf, type Row, textOf, wordOf } from "../../../database/index.ts";
import { entriesOf } from "../entries/entries-of.ts";
import { forgetSent } from "../entries/forget-sent.ts";
import type { ReadyEntries } from "../entries/ready-entries.ts";
import { commit, type MachineContext } from "../store/context.ts";
import { readMeta, writeMeta } from "../store/meta.ts";
import { outsideLimits, type UnknownArrival } from "./unknown-room-limits.ts";

/** The time when the rooms were last told; what comes until the next time counts as having come then. */
const TOLD = "rooms_told";
/** Forgotten in one commit at most, in a second or two: a store of an earlier version may have any number. */
const mostAtOnce = 5_000;

type Kind = "key" | "bundle" | "refusal";

/** What came for a room: an `m.room_key`, the announcement of a bundle, or an `m.room_key.withheld`. */
export interface RoomNews {
    readonly kind: Kind;
    readonly roomId: string;
    readonly sender: string;
    /** Of a bundle there is none. */
    readonly sessionId?: string;
}

interface Arrival extends UnknownArrival, RoomNews {
    readonly sessionId: string;
}

/**
 * What comes for rooms that are not the bot's: anybody may send keys, announcements and refusals for rooms that they
 * made up. It is kept for a while, within limits; once the bot is in such a room, or invited to it, what is there
 * stays. What the operator imports is not counted. Before the bot's rooms were told for the first time every room
 * counts as one. Every call stands in a transaction of the caller.
 */
export class UnknownRooms {
    readonly #context: MachineContext;
    readonly #sql: DatabaseSync;

    constructor(context: MachineContext, sql: DatabaseSync) {
        this.#context = context;
        this.#sql = sql;
    }

    /**
     * Notes what came for unknown rooms, and lets go what is too much then. Answers which of this is to be stored.
     * @param inBatch rooms that the same batch shows as the bot's: they are told only after it
     */
    admit(news: readonly RoomNews[], inBatch: readonly string[] = []): (one: RoomNews) => boolean {
        const unknown = this.#unknownOf(news);
        if (unknown.size === 0) return () => true;
        const now = this.#toldAt() ?? 0;
        const put = this.#sql.prepare(
            `INSERT OR REPLACE INTO unknown_room_arrivals (room_id, sender, kind, session_id, came_at)
             VALUES (?, ?, ?, ?, ?)`,
        );
        for (const { roomId, sender, kind, sessionId = "" } of news.filter((one) => unknown.has(one.roomId)))
            put.run(roomId, sender, kind, sessionId, now);
        const gone = new Set(this.#drop(now, inBatch).map(nameOf));
        return (one) => !gone.has(nameOf(one));
    }

    /**
     * Which rooms are the bot's. What came for others before that was known, or while they were the bot's, counts as
     * having come now. Answers the rooms that were not the bot's so far, and of which there is something.
     */
    setRooms(roomIds: readonly string[], now: number): readonly string[] {
        const isFirst = this.#toldAt() === undefined;
        writeMeta(this.#sql, TOLD, String(now));
        const all = JSON.stringify(roomIds);
        const remove = "DELETE FROM bot_rooms WHERE room_id NOT IN (SELECT value FROM json_each(?))";
        const add = "INSERT OR IGNORE INTO bot_rooms SELECT value FROM json_each(?) RETURNING room_id";
        const gone = this.#sql.prepare(remove).run(all).changes;
        const came = this.#sql.prepare(add).all(all);
        const held = came.map((row) => textOf(row, "room_id")).filter((roomId) => this.#takeIn(roomId));
        if (isFirst || gone > 0) this.#adopt(now);
        if (this.#sql.prepare("SELECT 1 FROM unknown_room_arrivals LIMIT 1").get() !== undefined) this.#drop(now, []);
        return isFirst ? [] : held;
    }

    #toldAt(): number | undefined {
        const told = readMeta(this.#sql, TOLD);
        return told === undefined ? undefined : Number(told);
    }

    #unknownOf(news: readonly RoomNews[]): ReadonlySet<string> {
        if (news.length === 0 || this.#toldAt() === undefined) return new Set();
        const find = this.#sql.prepare("SELECT 1 FROM bot_rooms WHERE room_id = ?");
        return new Set(news.map(({ roomId }) => roomId).filter((roomId) => find.get(roomId) === undefined));
    }

    /** What came for the room stays. Answers whether there is anything. */
    #takeIn(roomId: string): boolean {
        const { changes } = this.#sql.prepare("DELETE FROM unknown_room_arrivals WHERE room_id = ?").run(roomId);
        const find = "SELECT 1 FROM ready_entries WHERE room_id = ? LIMIT 1";
        return changes > 0 || this.#sql.prepare(find).get(roomId) !== undefined;
    }

    /** Of what was stored when its room counted as the bot's. */
    #adopt(now: number): void {
        this.#sql
            .prepare(
                `INSERT INTO unknown_room_arrivals (room_id, sender, kind, session_id, came_at)
                 SELECT room_id, sender, kind, session_id, ?1 FROM (
                    SELECT room_id, by_user AS sender, 'key' AS kind, session_id, received_at AS at, rowid AS nr
                    FROM ready_entries WHERE source = 'sent' AND sender_key <> ?2
                    UNION ALL SELECT room_id, user_id, 'key', session_id, 0, 0 FROM session_closings
                    UNION ALL SELECT room_id, sender, 'bundle', '', received_at, id FROM bundle_offers
                    UNION ALL SELECT room_id, sender, 'refusal', session_id, 0, id FROM key_refusals
                 ) WHERE room_id NOT IN (SELECT room_id FROM bot_rooms) ORDER BY at, nr ON CONFLICT DO NOTHING`,
            )
            .run(now, this.#context.ownKey);
        for (const table of ["sharing_signs", "room_key_senders"])
            this.#sql.exec(
                `DELETE FROM ${table} WHERE room_id NOT IN (SELECT room_id FROM bot_rooms)
                 AND (room_id, user_id) NOT IN (SELECT room_id, sender FROM unknown_room_arrivals)`,
            );
    }

    #drop(now: number, spared: readonly string[]): readonly Arrival[] {
        const select = "SELECT * FROM unknown_room_arrivals WHERE room_id NOT IN (SELECT value FROM json_each(?))";
        const arrivals = this.#sql.prepare(select).all(JSON.stringify(spared)).map(arrivalFrom);
        const gone = outsideLimits(arrivals, now).slice(-mostAtOnce);
        if (gone.length === 0) return gone;
        const entries = entriesOf(this.#context, this.#sql);
        const forget = this.#sql.prepare("DELETE FROM unknown_room_arrivals WHERE id = ?");
        for (const { id } of gone) forget.run(id);
        for (const [roomId, ofRoom] of Map.groupBy(gone, (arrival) => arrival.roomId)) {
            const keys = ofRoom.filter(({ kind }) => kind === "key");
            forgetSent(this.#context, this.#sql, roomId, keys);
            for (const arrival of ofRoom) this.#dropWord(arrival);
            for (const sender of new Set(ofRoom.map((arrival) => arrival.sender))) this.#forgetSender(roomId, sender);
            this.#forgetIfEmpty(roomId, entries);
        }
        return gone;
    }

    #dropWord({ kind, roomId, sender, sessionId }: Arrival): void {
        switch (kind) {
            case "key":
                return;
            case "bundle":
                this.#sql.prepare("DELETE FROM bundle_offers WHERE room_id = ? AND sender = ?").run(roomId, sender);
                return;
            case "refusal":
                this.#sql
                    .prepare("DELETE FROM key_refusals WHERE room_id = ? AND sender = ? AND session_id = ?")
                    .run(roomId, sender, sessionId);
                return;
        }
    }

    /** With the last that they sent goes what is known of them in the room. */
    #forgetSender(roomId: string, sender: string): void {
        if (this.#has("room_id = ? AND sender = ?", roomId, sender)) return;
        for (const table of ["sharing_signs", "room_key_senders"])
            this.#sql.prepare(`DELETE FROM ${table} WHERE room_id = ? AND user_id = ?`).run(roomId, sender);
    }

    #forgetIfEmpty(roomId: string, entries: ReadyEntries): void {
        if (!this.#has("room_id = ?", roomId)) entries.forgetIfEmpty(roomId);
    }

    #has(where: string, ...values: readonly string[]): boolean {
        const select = `SELECT 1 FROM unknown_room_arrivals WHERE ${where} LIMIT 1`;
        return this.#sql.prepare(select).get(...values) !== undefined;
    }
}

/** @see CryptoPort.setRooms */
export async function setRooms(
    context: MachineContext,
    roomIds: readonly string[],
    now: number,
): Promise<readonly string[]> {
    return await commit(context, (sql) => new UnknownRooms(context, sql).setRooms(roomIds, now));
}

function nameOf({ kind, roomId, sender, sessionId = "" }: RoomNews): string {
    return JSON.stringify([kind, roomId, sender, sessionId]);
}

function arrivalFrom(row: Row): Arrival {
    return {
        id: numberOf(row, "id"),
        kind: wordOf(row, "kind", ["key", "bundle", "refusal"]),
        roomId: textOf(row, "room_id"),
        sender: textOf(row, "sender"),
        sessionId: textOf(row, "session_id"),
        cameAt: numberOf(row, "came_at"),
    };
}
