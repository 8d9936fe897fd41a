import { Due, type DueItem, type Outcome, WaitsInMemory } from "../due/index.ts";
import { type Homeserver, isAbort, retryAfterOf } from "../homeserver/index.ts";
import type { Rooms } from "../rooms/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { AdminMessage, AdminRoom, AdminRooms } from "./admin-rooms.ts";
import { adminOf, adminRoomContent, withDirectRoom } from "./direct-room.ts";
import { type SendEncrypted, speakingRoom } from "./speaking-room.ts";
import { noticeText, type NoticeFacts } from "../texts/index.ts";

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
    /** Milliseconds, of a clock that never jumps. */
    readonly monotonic: () => number;
    /** In [0, 1). */
    readonly random: () => number;
    readonly log: Logger;
}

/** Admins who are told at once. */
const adminsAtOnce = 4;
/** Milliseconds after which a step that failed is taken again. */
const pace = { first: 60_000, longest: 3_600_000 } as const;

/** Messages to one admin within an hour; what comes meanwhile is collected for the next. */
const mostPerHour = 4;
/** Milliseconds. */
const hour = 3_600_000;
/** Milliseconds after which an admin who left, or declined, is invited once more, if there is something to say. */
const restAfterLeaving = 7 * 24 * hour;

/**
 * Tells each admin, in an encrypted direct room, which deliveries need a person and what changed in rooms. One room for
 * each admin: it is made when there is something to say for the first time, and what nobody reads yet waits. Each call
 * goes one step nearer; every step may be repeated.
 */
export class Notifier {
    readonly #parts: NotifierParts;
    readonly #due: Due<{ readonly key: string } & DueItem>;

    constructor(parts: NotifierParts) {
        this.#parts = parts;
        const { admins, log, monotonic, random } = parts;
        const waits = new WaitsInMemory(() => admins.map((key) => ({ key })));
        this.#due = new Due({
            name: "the notices to admins",
            atOnce: adminsAtOnce,
            pace,
            log,
            now: monotonic,
            random,
            ...waits.answers,
            work: ({ key }) => this.#takeStep(key),
        });
    }

    /** Looks for what has to be told. */
    wake(): void {
        this.#due.wake();
    }

    stop(): Promise<void> {
        return this.#due.stop();
    }

    async #takeStep(admin: string): Promise<Outcome> {
        try {
            await this.#tell(admin);
            return { is: "unready" };
        } catch (error) {
            if (isAbort(error)) throw error;
            this.#parts.log.warn(
                { user: admin, err: error },
                "an admin could not be told what needs a person; it is tried again",
            );
            return { is: "failed", retryAfterMs: retryAfterOf(error) };
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
        await sendEncrypted(room, roomId, `backscroll-notice-${message.id}`, {
            msgtype: "m.notice",
            body: noticeText(notices),
        });
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

    /**
     * Whether the admin is in the room; if not, they are asked in, unless they have shown that they do not want to be.
     */
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
