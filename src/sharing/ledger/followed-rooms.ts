import type { DatabaseSync, StatementSync } from "node:sqlite";
import { flagOf, textOf } from "../../database/index.ts";
import { isHistoryOpen, type Room } from "../../rooms/index.ts";
import type { Coverage } from "../../timeline/index.ts";

/** What may come over a room that worked, and go again. */
export const roomTroubles = ["history_closed", "cannot_invite", "covers_little"] as const;
export type RoomTrouble = (typeof roomTroubles)[number];

/**
 * Milliseconds for which a change has to stand before it is one: longer than a room's count rests, in which a message
 * may be ahead of its key.
 */
export const standsAfter = 60_000;

export interface RoomSight {
    readonly room: Room;
    readonly canInvite: boolean;
    readonly coverage: Pick<Coverage, "reach" | "events" | "covered"> | undefined;
    /** From this share of the known messages on a room is well served, 0 to 1. */
    readonly enough: number;
}

/** Which troubles a room has and which it has not. What is absent nobody knows: it is as it was. */
export function troublesOf({ room, canInvite, coverage, enough }: RoomSight): ReadonlyMap<RoomTrouble, boolean> {
    const troubles = new Map<RoomTrouble, boolean>();
    if (room.membership !== "join" || room.encryption !== "encrypted") return troubles;
    troubles.set("history_closed", !isHistoryOpen(room.visibility));
    troubles.set("cannot_invite", !canInvite);
    if (coverage === undefined || coverage.reach === "under_way") return troubles;
    return troubles.set("covers_little", coverage.covered < enough * coverage.events);
}

export function createFollowedRooms(sql: DatabaseSync): void {
    sql.exec(`
        -- A notice is of a job or of a room. The table is made anew, as SQLite cannot take back a NOT NULL; numbers are
        -- not used again.
        CREATE TABLE share_notices_anew (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            job_id INTEGER REFERENCES share_jobs (id) ON DELETE CASCADE,
            room_id TEXT,
            state TEXT NOT NULL,
            reason TEXT NOT NULL,
            CHECK ((job_id IS NULL) <> (room_id IS NULL))
        ) STRICT;
        INSERT INTO share_notices_anew (id, job_id, state, reason) SELECT id, job_id, state, reason FROM share_notices;
        DELETE FROM sqlite_sequence WHERE name = 'share_notices_anew';
        INSERT INTO sqlite_sequence (name, seq)
            SELECT 'share_notices_anew', seq FROM sqlite_sequence WHERE name = 'share_notices';
        DROP TABLE share_notices;
        ALTER TABLE share_notices_anew RENAME TO share_notices;
        CREATE INDEX share_notices_by_job ON share_notices (job_id);
        CREATE INDEX share_notices_by_room ON share_notices (room_id) WHERE room_id IS NOT NULL;

        -- present: as last seen, since then; noted: as it was when it was first seen, or as the last notice says.
        CREATE TABLE share_room_troubles (
            room_id TEXT NOT NULL,
            trouble TEXT NOT NULL,
            present INTEGER NOT NULL,
            since INTEGER NOT NULL,
            noted INTEGER NOT NULL,
            PRIMARY KEY (room_id, trouble)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX share_room_troubles_changed ON share_room_troubles (since) WHERE present <> noted;
    `);
}

/**
 * What changes in rooms, as notices. Every call stands in a transaction of the caller; times are milliseconds since the
 * epoch.
 */
export class FollowedRooms {
    readonly #see: StatementSync;
    readonly #selectSettled: StatementSync;
    readonly #setNoted: StatementSync;
    readonly #insertNotice: StatementSync;
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
        this.#see = sql.prepare(
            `INSERT INTO share_room_troubles (room_id, trouble, present, since, noted) VALUES (?1, ?2, ?3, ?4, ?3)
             ON CONFLICT DO UPDATE SET present = excluded.present, since = excluded.since
             WHERE present <> excluded.present`,
        );
        // What stands since a time to come was seen by a clock that was set back since.
        this.#selectSettled = sql.prepare(
            `SELECT room_id, trouble, present FROM share_room_troubles
             WHERE present <> noted AND (since <= ? OR since > ?) ORDER BY since`,
        );
        this.#setNoted = sql.prepare(
            "UPDATE share_room_troubles SET noted = present WHERE (room_id, trouble) = (?, ?)",
        );
        this.#insertNotice = sql.prepare("INSERT INTO share_notices (room_id, state, reason) VALUES (?, ?, ?)");
    }

    /** What the room is first seen to have is no change: it was said when the room was greeted. */
    see(roomId: string, troubles: ReadonlyMap<RoomTrouble, boolean>, now: number): void {
        for (const [trouble, present] of troubles) this.#see.run(roomId, trouble, present ? 1 : 0, now);
    }

    /** Writes a notice of each change that has stood long enough, in any room. */
    note(now: number): void {
        for (const row of this.#selectSettled.all(now - standsAfter, now)) {
            const [roomId, trouble] = [textOf(row, "room_id"), textOf(row, "trouble")];
            this.#insertNotice.run(roomId, flagOf(row, "present") ? "present" : "absent", trouble);
            this.#setNoted.run(roomId, trouble);
        }
    }

    /** The bot is out of the room: if it comes back, it sees the room for the first time. */
    forget(roomId: string): void {
        for (const table of ["share_room_troubles", "share_notices"])
            this.#sql.prepare(`DELETE FROM ${table} WHERE room_id = ?`).run(roomId);
    }
}
