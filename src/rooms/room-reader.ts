import type { Database } from "../database/index.ts";
import {
    type HistoryVisibility,
    type Membership,
    parseCreate,
    parseHistoryVisibility,
    parsePowerLevels,
    parseTombstone,
} from "../matrix/index.ts";
import { InvitationTable } from "./invitation-table.ts";
import type { MemberPast } from "./member-past.ts";
import { MemberTable } from "./member-table.ts";
import { mayInvite, mayKick, type PowerFacts } from "./power.ts";
import type { Member, Room, Rooms, Standing } from "./room.ts";
import { type RoomRow, RoomTable } from "./room-table.ts";
import { StateTable } from "./state-table.ts";

/** What the rooms tables say. The only writing method is `clearRotation`. */
export class RoomReader implements Rooms {
    readonly #rooms: RoomTable;
    readonly #state: StateTable;
    readonly #members: MemberTable;
    readonly #invitations: InvitationTable;

    /** @param database opened with `roomsSchema` */
    constructor(database: Database) {
        this.#rooms = new RoomTable(database);
        this.#state = new StateTable(database);
        this.#members = new MemberTable(database);
        this.#invitations = new InvitationTable(database);
    }

    room(roomId: string): Room | undefined {
        const row = this.#rooms.get(roomId);
        return row === undefined ? undefined : this.#roomFrom(row);
    }

    joined(): readonly Room[] {
        return this.#rooms.joined().map((row) => this.#roomFrom(row));
    }

    pendingInvites(): readonly { readonly roomId: string; readonly inviter: string; readonly since: number }[] {
        return this.#invitations
            .all()
            .filter(({ kind, state }) => kind === "invite" && state !== "answered")
            .map(({ roomId, sender, since }) => ({ roomId, inviter: sender, since }));
    }

    member(roomId: string, userId: string): Member | undefined {
        return this.#members.get(roomId, userId);
    }

    membersWith(roomId: string, membership: Membership): readonly Member[] {
        return this.#members.with(roomId, membership);
    }

    isDirect(roomId: string): boolean {
        return this.#members.countUpTo(roomId, "join", 3) + this.#members.countUpTo(roomId, "invite", 3) <= 2;
    }

    joinedRevision(roomId: string): number {
        return this.#rooms.joinedRevision(roomId);
    }

    wasMember(roomId: string, userId: string): MemberPast["wasMember"] {
        const kept = this.#members.kept(roomId, userId);
        if (kept !== undefined) return kept.past.wasMember;
        return this.#rooms.get(roomId)?.whole === true ? "no" : "unknown";
    }

    standing(roomId: string, userId: string): Standing {
        const kept = this.#members.kept(roomId, userId);
        if (kept === undefined) return "unknown";
        if (kept.past.removed) return "removed";
        if (kept.member.membership === "unknown") return "unknown";
        return kept.member.membership === "join" ? "joined" : "left";
    }

    createdBy(roomId: string, userId: string): Readonly<Record<string, unknown>> | undefined {
        const create = this.#state.get(roomId, "m.room.create");
        return create?.sender === userId ? create.content : undefined;
    }

    canInvite(roomId: string, userId: string): boolean {
        return this.#isJoined(roomId, userId) && mayInvite(this.#power(roomId), userId);
    }

    canKick(roomId: string, userId: string, targetId: string): boolean {
        return this.#isJoined(roomId, userId) && mayKick(this.#power(roomId), userId, targetId);
    }

    rotationMark(roomId: string): number | undefined {
        return this.#rooms.rotationMark(roomId);
    }

    clearRotation(roomId: string, mark: number): void {
        this.#rooms.clearRotation(roomId, mark);
    }

    #isJoined(roomId: string, userId: string): boolean {
        return this.#members.get(roomId, userId)?.membership === "join";
    }

    #roomFrom(row: RoomRow): Room {
        const tombstone = this.#state.get(row.roomId, "m.room.tombstone")?.content;
        return {
            roomId: row.roomId,
            membership: row.membership,
            encryption: encryptionOf(row),
            visibility: visibilityOf(this.#state, row),
            joinedAt: row.joinedAt,
            openSince: row.openSince,
            successor: tombstone === undefined ? undefined : parseTombstone(tombstone),
        };
    }

    #power(roomId: string): PowerFacts {
        const create = this.#state.get(roomId, "m.room.create");
        const levels = this.#state.get(roomId, "m.room.power_levels");
        const absent = this.#rooms.get(roomId)?.whole === true ? "absent" : "unknown";
        return {
            creation: create?.content === undefined ? undefined : parseCreate(create.content, create.sender),
            levels: levels === undefined ? absent : ((levels.content && parsePowerLevels(levels.content)) ?? "unknown"),
        };
    }
}

/** Encrypted once, encrypted for good; what was not seen in a state that was seen whole is not there. */
function encryptionOf(row: RoomRow): Room["encryption"] {
    if (row.encrypted) return "encrypted";
    return row.whole ? "plain" : "unknown";
}

/**
 * The history visibility in force. Source: Matrix v1.19, `m.room.history_visibility`; a value that we cannot read is
 * not guessed.
 */
export function visibilityOf(
    state: StateTable,
    room: Pick<RoomRow, "roomId" | "whole">,
): HistoryVisibility | "unknown" {
    const event = state.get(room.roomId, "m.room.history_visibility");
    if (event === undefined) return room.whole ? "shared" : "unknown";
    return (event.content && parseHistoryVisibility(event.content)) ?? "unknown";
}
