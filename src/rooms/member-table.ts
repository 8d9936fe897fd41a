import type { StatementSync } from "node:sqlite";
import { type Database, numberOf, type Row } from "../database/index.ts";
import type { Membership } from "../matrix/index.ts";
import type { MemberPast } from "./member-past.ts";
import type { Member } from "./room.ts";
import { memberFrom, pastFrom } from "./rows.ts";

/** A member as the table keeps them. */
export interface KeptMember {
    readonly member: Member;
    readonly past: MemberPast;
}

/** The members of rooms, one row for the latest member event of each user. */
export class MemberTable {
    readonly #select: StatementSync;
    readonly #selectRoom: StatementSync;
    readonly #selectWith: StatementSync;
    readonly #countUpTo: StatementSync;
    readonly #upsert: StatementSync;
    readonly #deleteRoom: StatementSync;

    constructor({ sql }: Database) {
        this.#select = sql.prepare("SELECT * FROM room_members WHERE room_id = ? AND user_id = ?");
        this.#selectRoom = sql.prepare("SELECT * FROM room_members WHERE room_id = ?");
        this.#selectWith = sql.prepare("SELECT * FROM room_members WHERE room_id = ? AND membership = ?");
        this.#countUpTo = sql.prepare(
            "SELECT count(*) AS count FROM (SELECT 1 FROM room_members WHERE room_id = ? AND membership = ? LIMIT ?)",
        );
        this.#upsert = sql.prepare(
            `INSERT INTO room_members (room_id, user_id, membership, event_id, sender, is_direct, display_name, was_member, removed)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET membership = excluded.membership, event_id = excluded.event_id,
                 sender = excluded.sender, is_direct = excluded.is_direct, display_name = excluded.display_name,
                 was_member = excluded.was_member, removed = excluded.removed`,
        );
        this.#deleteRoom = sql.prepare("DELETE FROM room_members WHERE room_id = ?");
    }

    get(roomId: string, userId: string): Member | undefined {
        const row = this.#select.get(roomId, userId);
        return row === undefined ? undefined : memberFrom(row);
    }

    kept(roomId: string, userId: string): KeptMember | undefined {
        const row = this.#select.get(roomId, userId);
        return row === undefined ? undefined : keptFrom(row);
    }

    inRoom(roomId: string): readonly KeptMember[] {
        return this.#selectRoom.all(roomId).map(keptFrom);
    }

    with(roomId: string, membership: Membership): readonly Member[] {
        return this.#selectWith.all(roomId, membership).map(memberFrom);
    }

    /** How many there are; whatever is more than `limit` is not counted. */
    countUpTo(roomId: string, membership: Membership, limit: number): number {
        return numberOf(this.#countUpTo.get(roomId, membership, limit), "count");
    }

    put(roomId: string, { member, past }: KeptMember): void {
        const { userId, membership, eventId, sender, isDirect, displayName } = member;
        const was = past.wasMember === "unknown" ? null : past.wasMember === "yes" ? 1 : 0;
        const removed = past.removed ? 1 : 0;
        this.#upsert.run(
            roomId,
            userId,
            membership,
            eventId,
            sender,
            isDirect ? 1 : 0,
            displayName ?? null,
            was,
            removed,
        );
    }

    deleteRoom(roomId: string): void {
        this.#deleteRoom.run(roomId);
    }
}

function keptFrom(row: Row): KeptMember {
    return { member: memberFrom(row), past: pastFrom(row) };
}
