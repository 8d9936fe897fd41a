import { type CryptoPort, type HeldSession, packTimes, type PackedTimes, type SessionOwner } from "../crypto/index.ts";
import { type Database, textOf } from "../database/index.ts";
import type { Coverage } from "./coverage.ts";
import { type InPieces, inPieces } from "./in-pieces.ts";
import { type FirstUse, SessionOwners } from "./session-owners.ts";
import { SessionUses } from "./session-uses.ts";
import { TimelineRooms } from "./timeline-rooms.ts";

/**
 * What the recorded timelines say of rooms; every answer is as of the last recorded batch, `coverage` at most as much
 * older as it takes to count the room, and half a minute.
 */
export class Timelines {
    readonly #uses: SessionUses;
    readonly #owners: SessionOwners;
    readonly #rooms: TimelineRooms;
    readonly #database: Database;

    /** @param database opened with `timelineSchema` */
    constructor(database: Database) {
        this.#database = database;
        this.#uses = new SessionUses(database);
        this.#owners = new SessionOwners(database);
        this.#rooms = new TimelineRooms(database);
    }

    /**
     * Each session of the room whose owner is known, and when they first used it. Others have their turn while it is
     * read: what is recorded meanwhile may be in it or not.
     */
    async sessionTimes(roomId: string): Promise<PackedTimes> {
        return await inPieces(packed(this.#owners.pages(roomId)));
    }

    /** Another text after each change of what `sessionTimes` would say. It takes some 3 ms for 100 000 sessions. */
    timesVersion(roomId: string): string {
        return this.#owners.version(roomId);
    }

    /** Some of the sessions whose owners the crypto worker was not told of. */
    untoldOwners(most: number): readonly SessionOwner[] {
        return this.#owners.untold(most);
    }

    /** It was. Inside a transaction of the caller's. */
    ownersTold(owners: readonly SessionOwner[]): void {
        this.#owners.told(owners);
    }

    /** Those of these users of whom an encrypted event in the room is known. */
    sendersAmong(roomId: string, userIds: readonly string[]): ReadonlySet<string> {
        const rows = this.#database.sql
            .prepare(
                `SELECT value FROM json_each(?)
                 WHERE EXISTS (SELECT 1 FROM timeline_sessions WHERE room_id = ? AND sender = value)`,
            )
            .all(JSON.stringify(userIds), roomId);
        return new Set(rows.map((row) => textOf(row, "value")));
    }

    /**
     * The sessions that we hold of these rooms changed: their coverage is counted anew. Inside a transaction of the
     * caller's.
     */
    touch(roomIds: readonly string[]): void {
        for (const roomId of roomIds) this.#rooms.touch(roomId);
    }

    /** Everything that was recorded of the room, for good. Inside a transaction of the caller's. */
    forget(roomId: string): void {
        const { sql } = this.#database;
        sql.prepare(
            "DELETE FROM timeline_events WHERE session IN (SELECT id FROM timeline_sessions WHERE room_id = ?)",
        ).run(roomId);
        for (const table of ["timeline_sessions", "session_owners", "timeline_gaps", "timeline_rooms"])
            sql.prepare(`DELETE FROM ${table} WHERE room_id = ?`).run(roomId);
    }

    /**
     * Whether we hold a key that may be shared and that a known event of the room uses. It waits for no count of the
     * room, and ends at the first such key.
     */
    async isUsable(crypto: Pick<CryptoPort, "heldSessions">, roomId: string): Promise<boolean> {
        // A key that was counted once stays.
        if (this.isCountedUsable(roomId)) return true;
        for (let last: HeldSession | undefined; ;) {
            const page = await crypto.heldSessions(roomId, last?.sessionId);
            if (page.length === 0) return false;
            const found = page.some(
                ({ verdict, sessionId, firstIndex }) =>
                    verdict === "shareable" && this.#uses.isUsed(roomId, sessionId, firstIndex),
            );
            if (found) return true;
            last = page.at(-1);
        }
    }

    /** The same by the last count alone. */
    isCountedUsable(roomId: string): boolean {
        const counted = this.coverage(roomId);
        return counted?.comparable !== undefined && counted.covered > counted.comparable.withheld;
    }

    /** How much of the room's history we can hand on; undefined: it was not counted yet. */
    coverage(roomId: string): Coverage | undefined {
        return this.#rooms.coverage(roomId);
    }

    /** Whether `coverage` is of now: nothing that it depends on changed since the last count. */
    isCounted(roomId: string): boolean {
        return this.#rooms.isCounted(roomId);
    }
}

function* packed(pages: Iterable<readonly FirstUse[]>): InPieces<PackedTimes> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (const page of pages) {
        pieces.push(packTimes(page));
        yield;
    }
    return pieces;
}
