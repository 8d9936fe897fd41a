import type { StatementSync } from "node:sqlite";
import { type Database, flagOf, numberOrNothing, type Row, textOf, wordOf } from "../database/index.ts";
import type { Membership } from "../matrix/index.ts";
import { memberships } from "./rows.ts";

export interface RoomRow {
    readonly roomId: string;
    readonly membership: Membership;
    /** The state has been seen whole since we joined. */
    readonly whole: boolean;
    readonly encrypted: boolean;
    readonly joinedAt: number | undefined;
    readonly openSince: number | undefined;
}

/** One row for each room that we have heard of. */
export class RoomTable {
    readonly #select: StatementSync;
    readonly #selectJoined: StatementSync;
    readonly #selectPresent: StatementSync;
    readonly #setMembership: StatementSync;
    readonly #setJoinedAt: StatementSync;
    readonly #setOpenSince: StatementSync;
    readonly #setWhole: StatementSync;
    readonly #setEncrypted: StatementSync;
    readonly #mark: StatementSync;
    readonly #selectMark: StatementSync;
    readonly #clearMark: StatementSync;
    readonly #selectJoinedRevision: StatementSync;

    constructor({ sql }: Database) {
        this.#select = sql.prepare("SELECT * FROM rooms WHERE room_id = ?");
        this.#selectJoined = sql.prepare("SELECT * FROM rooms WHERE membership = 'join' ORDER BY room_id");
        this.#selectPresent = sql.prepare(
            "SELECT * FROM rooms WHERE membership IN ('join', 'invite') ORDER BY room_id",
        );
        this.#setMembership = sql.prepare(
            `INSERT INTO rooms (room_id, membership) VALUES (?, ?) ON CONFLICT DO UPDATE SET membership = excluded.membership,
                open_since = iif(excluded.membership = 'join' AND membership = 'join', open_since, NULL)`,
        );
        this.#setJoinedAt = sql.prepare("UPDATE rooms SET joined_at = ? WHERE room_id = ?");
        this.#setOpenSince = sql.prepare("UPDATE rooms SET open_since = ? WHERE room_id = ?");
        this.#setWhole = sql.prepare("UPDATE rooms SET whole = ? WHERE room_id = ?");
        this.#setEncrypted = sql.prepare("UPDATE rooms SET encrypted = 1 WHERE room_id = ?");
        this.#mark = sql.prepare("UPDATE rooms SET rotation_mark = rotation_mark + 1 WHERE room_id = ?");
        this.#selectMark = sql.prepare(
            "SELECT rotation_mark FROM rooms WHERE room_id = ? AND rotation_mark > rotation_cleared",
        );
        this.#selectJoinedRevision = sql.prepare("SELECT joined_revision FROM rooms WHERE room_id = ?");
        this.#clearMark = sql.prepare("UPDATE rooms SET rotation_cleared = max(rotation_cleared, ?) WHERE room_id = ?");
    }

    get(roomId: string): RoomRow | undefined {
        const row = this.#select.get(roomId);
        return row === undefined ? undefined : roomFrom(row);
    }

    joined(): readonly RoomRow[] {
        return this.#selectJoined.all().map(roomFrom);
    }

    /** Rooms that we are in or invited to. */
    present(): readonly RoomRow[] {
        return this.#selectPresent.all().map(roomFrom);
    }

    /**
     * Makes the row if there is none. Of a room that we are not in, or have just come into, nobody knows since when it
     * is open.
     */
    setMembership(roomId: string, membership: Membership): void {
        this.#setMembership.run(roomId, membership);
    }

    setJoinedAt(roomId: string, at: number): void {
        this.#setJoinedAt.run(at, roomId);
    }

    setOpenSince(roomId: string, at: number | undefined): void {
        this.#setOpenSince.run(at ?? null, roomId);
    }

    setWhole(roomId: string, whole: boolean): void {
        this.#setWhole.run(whole ? 1 : 0, roomId);
    }

    /** For good. */
    setEncrypted(roomId: string): void {
        this.#setEncrypted.run(roomId);
    }

    markRotation(roomId: string): void {
        this.#mark.run(roomId);
    }

    rotationMark(roomId: string): number | undefined {
        return numberOrNothing(this.#selectMark.get(roomId), "rotation_mark");
    }

    joinedRevision(roomId: string): number {
        return numberOrNothing(this.#selectJoinedRevision.get(roomId), "joined_revision") ?? 0;
    }

    clearRotation(roomId: string, mark: number): void {
        this.#clearMark.run(mark, roomId);
    }
}

function roomFrom(row: Row): RoomRow {
    return {
        roomId: textOf(row, "room_id"),
        membership: wordOf(row, "membership", memberships),
        whole: flagOf(row, "whole"),
        encrypted: flagOf(row, "encrypted"),
        joinedAt: numberOrNothing(row, "joined_at"),
        openSince: numberOrNothing(row, "open_since"),
    };
}
