import type { HistoryVisibility, Membership } from "../matrix/index.ts";
import type { MemberPast } from "./member-past.ts";

/**
 * What we know of a room, from its state as the homeserver told it.
 * Trust limit: this is the server's word. It decides who is invited, never which sessions are shareable.
 */
export interface Room {
    readonly roomId: string;
    /** Our own membership. */
    readonly membership: Membership;
    /** "encrypted" once, encrypted for good; "unknown" until the state has been seen whole: nothing is sent then. */
    readonly encryption: "encrypted" | "plain" | "unknown";
    /** "unknown": the state has not been seen, or the event is malformed. Absent from a whole state: "shared". */
    readonly visibility: HistoryVisibility | "unknown";
    /** Milliseconds since the epoch when we saw ourselves join. */
    readonly joinedAt: number | undefined;
    /**
     * Since when the visibility has been `shared` or `world_readable` without interruption, as far as we saw;
     * milliseconds since the epoch.
     * At the earliest when we joined. Undefined: it is closed, or not known.
     */
    readonly openSince: number | undefined;
    /** The room that a tombstone names. */
    readonly successor: string | undefined;
}

export interface Member {
    readonly userId: string;
    /** "unknown": their last member event was malformed. They may be anything, a banned user say. */
    readonly membership: Membership | "unknown";
    readonly eventId: string;
    readonly sender: string;
    readonly isDirect: boolean;
    /** Whatever the user calls themself here; absent: nothing. */
    readonly displayName?: string;
}

/**
 * How somebody stands in a room who did something there before: they are a member; they have left by themselves, or
 * were kicked or banned and have not been back. "unknown": the room's state does not tell.
 */
export type Standing = "joined" | "left" | "removed" | "unknown";

/** Reads of the rooms tables; every answer is as of the last recorded batch. */
export interface Rooms {
    room(roomId: string): Room | undefined;
    joined(): readonly Room[];
    /** Invites to the bot that nobody has answered. */
    pendingInvites(): readonly { readonly roomId: string; readonly inviter: string; readonly since: number }[];
    member(roomId: string, userId: string): Member | undefined;
    membersWith(roomId: string, membership: Membership): readonly Member[];
    /** Whether at most two users are joined or invited; in a large room as quickly as in a small one. */
    isDirect(roomId: string): boolean;
    /** Another number after each change of who is joined, or of what they call themselves. */
    joinedRevision(roomId: string): number;
    /**
     * Whether a user was ever in the room. "unknown" of those who were only seen as they are now, after a gap or when
     * the bot came; and of everybody else before the state was seen whole.
     */
    wasMember(roomId: string, userId: string): MemberPast["wasMember"];
    standing(roomId: string, userId: string): Standing;
    /**
     * The content of the room's `m.room.create`, if this user made the room; undefined: somebody else did, or it was
     * not seen.
     */
    createdBy(roomId: string, userId: string): Readonly<Record<string, unknown>> | undefined;
    /** Whether `userId` may invite in the room; room version 12 creators included. */
    canInvite(roomId: string, userId: string): boolean;
    /** Whether `userId` may kick `targetId`. */
    canKick(roomId: string, userId: string, targetId: string): boolean;
    /**
     * Rooms whose outbound session must rotate before the next encryption, with the mark's number for `clearRotation`.
     */
    rotationMark(roomId: string): number | undefined;
    /** Forgets the mark unless a newer one was set since. */
    clearRotation(roomId: string, mark: number): void;
}
