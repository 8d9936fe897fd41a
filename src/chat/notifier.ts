import { type Homeserver, isAbort } from "../homeserver/index.ts";
import type { Rooms } from "../rooms/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { AdminMessage, AdminRoom, AdminRooms } from "./admin-rooms.ts";
import { adminOf, adminRoomContent, withDirectRoom } from "./direct-room.ts";
import { Rounds } from "./rounds.ts";
import { type SendEncrypted, speakingRoom } from "./speaking-room.ts";
import { noticeText, type NoticeFacts } from "./texts.ts";

/** Something that admins are told of; numbered in the order in which it came. */
export type StandingNotice = NoticeFacts & { readonly id: number };

export interface NotifierParts {
    readonly botUserId: string;
    readonly admins: readonly string[];
    readonly adminRooms: AdminRooms;
    /** What came after the notice `id` and still stands, oldest first. */
    readonly standingAfter: (id: number) => readonly StandingNotice[];
    /** The newest notice, whether it stands or not; 0: there is none. */
    readonly newest: () => number;
    readonly rooms: Pick<Rooms, "room" | "joined" | "member" | "membersWith" | "createdBy">;
    readonly homeserver: Pick<Homeserver, "createRoom" | "putMember" | "accountData" | "putAccountData">;
    readonly sendEncrypted: SendEncrypted;
    readonly now: () => number;
    readonly log: Logger;
}

/** Messages to one admin within an hour; what comes meanwhile is collected for the next. */
const mostPerHour = 4;
/** Milliseconds. */
const hour = 3_600_000;
/** Milliseconds after which an admin who left, or declined, is invited once more, if there is something to say. */
const restAfterLeaving = 7 * 24 * hour;
const firstPause = 60_000;

/**
 * Tells each admin, in an encrypted direct room, which deliveries need a person and what changed in rooms. One room for
 * each admin: it is made when there is something to say for the first time, and what nobody reads yet waits. Each call
 * goes one step nearer; every step may be repeated.
 */
export class Notifier {
    readonly #parts: NotifierParts;
    readonly #rounds = new Rounds(() => this.#tellAll());
    readonly #failures = new Map<string, { readonly count: number; readonly notBefore: number }>();

    constructor(parts: NotifierParts) {
        this.#parts = parts;
    }

    /** Looks for what has to be told; a step that failed is tried again at a later call. */
    wake(): void {
        this.#rounds.wake();
    }

    stop(): Promise<void> {
        return this.#rounds.stop();
    }

    async #tellAll(): Promise<void> {
        for (const admin of this.#parts.admins) {
            if (this.#rounds.isStopped) return;
            const failures = this.#failures.get(admin);
            if (failures !== undefined && failures.notBefore > this.#parts.now()) continue;
            try {
                await this.#tell(admin);
                this.#failures.delete(admin);
            } catch (error) {
                if (this.#rounds.isStopped || isAbort(error)) return;
                const count = (failures?.count ?? 0) + 1;
                this.#failures.set(admin, { count, notBefore: this.#parts.now() + Math.min(hour, firstPause * 2 ** (count - 1)) });
                this.#parts.log.warn({ user: admin, err: error }, "an admin could not be told what needs a person; it is tried again");
            }
        }
    }

    async #tell(admin: string): Promise<void> {
        const { adminRooms, standingAfter, newest, now } = this.#parts;
        // First, as there may be many notices, and this is asked after every batch.
        if (adminRooms.sentSince(admin, now() - hour, now()) >= mostPerHour) return;
        const notices = standingAfter(adminRooms.toldUpTo(admin));
        // What does not stand any more is over for this admin: were it still ahead, its second half alone could be
        // told.
        const upTo = newest();
        if (notices.length === 0) return;
        const room = await this.#roomOf(admin);
        if (!(await this.#isThere(admin, room))) return;
        const message = adminRooms.prepare(admin, upTo);
        await this.#send(
            admin,
            room.roomId,
            message,
            notices.filter(({ id }) => id <= message.upTo),
        );
    }

    async #send(admin: string, roomId: string, message: AdminMessage, notices: readonly NoticeFacts[]): Promise<void> {
        const { rooms, adminRooms, sendEncrypted, botUserId, now } = this.#parts;
        if (notices.length === 0) return adminRooms.drop(message);
        // Nobody else hears it, whoever the admin lets into the room.
        const room = () => speakingRoom(rooms, roomId, [admin, botUserId]);
        if (room() === undefined) return;
        await sendEncrypted(room, roomId, `backscroll-notice-${message.id}`, { msgtype: "m.notice", body: noticeText(notices) });
        adminRooms.sent(message, now());
    }

    /** The room with this admin: the one that is known, or one that was made just before a crash, or a new one. */
    async #roomOf(admin: string): Promise<AdminRoom> {
        const { adminRooms, rooms, homeserver, botUserId } = this.#parts;
        const known = adminRooms.of(admin);
        if (known !== undefined && !this.#isLost(known)) return known;
        const found = rooms.joined().find(({ roomId }) => adminOf(rooms.createdBy(roomId, botUserId)) === admin);
        const roomId = found?.roomId ?? (await homeserver.createRoom(adminRoomContent(admin)));
        adminRooms.made(admin, roomId);
        return { roomId, listed: false, awaySince: undefined };
    }

    /** The bot is no longer in the room itself. */
    #isLost({ roomId }: AdminRoom): boolean {
        const membership = this.#parts.rooms.room(roomId)?.membership;
        return membership === "leave" || membership === "ban";
    }

    /** Whether the admin is in the room; if not, they are asked in, unless they have shown that they do not want to be. */
    async #isThere(admin: string, { roomId, listed, awaySince }: AdminRoom): Promise<boolean> {
        const { adminRooms, rooms, homeserver, now } = this.#parts;
        // Just made: the next sync brings it.
        if (rooms.room(roomId)?.membership !== "join") return false;
        if (!listed) await this.#list(admin, roomId);
        const membership = rooms.member(roomId, admin)?.membership;
        switch (membership) {
            case "join":
                if (awaySince !== undefined) adminRooms.setAway(admin, undefined);
                return true;
            case "invite":
            case "ban":
            case "unknown":
                return false;
            case "leave":
                // A time to come is that of a clock that was set back since.
                if (awaySince === undefined || awaySince > now()) {
                    adminRooms.setAway(admin, now());
                    return false;
                }
                if (now() - awaySince < restAfterLeaving) return false;
                break;
            case "knock":
            case undefined:
                break;
        }
        await homeserver.putMember(roomId, admin, { membership: "invite", is_direct: true });
        adminRooms.setAway(admin, undefined);
        return false;
    }

    async #list(admin: string, roomId: string): Promise<void> {
        const { homeserver, adminRooms, botUserId } = this.#parts;
        const direct = (await homeserver.accountData(botUserId, "m.direct")) ?? {};
        await homeserver.putAccountData(botUserId, "m.direct", withDirectRoom(direct, admin, roomId));
        adminRooms.listed(admin);
    }
}
