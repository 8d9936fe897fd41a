import type { Membership, RoomEvent } from "../matrix/index.ts";
import type { MemberPast } from "./member-past.ts";
import type { Member } from "./room.ts";

/** What recording a batch changed, as plain facts, for those who write their own rows in the same transaction. */
export interface RoomChanges {
    /**
     * Memberships of others in rooms where we are (or just ceased to be), in the order in which they happened, invites
     * included. A new display name or picture is no change. Of a room that we just joined: the invites that are pending
     * there, oldest first, and what changed for users whom we knew there from an earlier stay.
     */
    readonly memberships: readonly MembershipChange[];
    /**
     * The invites among `memberships`, in the same order. Who handles both has to read `memberships` alone, where the
     * order is known.
     */
    readonly invites: readonly MembershipChange[];
    readonly selfJoined: readonly SelfJoined[];
    readonly selfLeft: readonly SelfLeft[];
    readonly selfInvited: readonly SelfInvited[];
    readonly successors: readonly Successor[];
}

export interface MembershipChange {
    readonly roomId: string;
    readonly userId: string;
    readonly membership: Membership;
    /** Who made the change: the inviter, who kicked, or the user. */
    readonly sender: string;
    readonly eventId: string;
    /** Milliseconds since the epoch, by the sender's server. */
    readonly at: number;
    readonly isDirect: boolean;
    /** What we knew of this user here before; undefined: nothing. */
    readonly previous: Member | undefined;
    /** Whether they had been in the room before this. */
    readonly wasMember: MemberPast["wasMember"];
    /** True: found in the state of a room that we just joined, not seen happening. */
    readonly foundAtJoin: boolean;
    /** The whole event: `content` is anybody's word, `replacesState` the homeserver's. */
    readonly event: RoomEvent;
}

/** We are in a room, and mean to stay: one that a tombstone wrongly calls a successor is left again without this. */
export interface SelfJoined {
    readonly roomId: string;
    /** True in an answer to a sync without a token: we may have been here for long. */
    readonly firstSync: boolean;
    /** Who invited us, as far as we knew when we joined; undefined: nobody. */
    readonly inviter: string | undefined;
    /** A time before which they had not invited us; milliseconds since the epoch, undefined: not known. */
    readonly invitedAfter: number | undefined;
}

export interface SelfLeft {
    readonly roomId: string;
    readonly membership: "leave" | "ban";
    /** Who did it, ourselves included; undefined if the server does not say. */
    readonly sender: string | undefined;
}

export interface SelfInvited {
    readonly roomId: string;
    readonly inviter: string;
    readonly isDirect: boolean;
}

/** A tombstone in a room where we are. */
export interface Successor {
    readonly roomId: string;
    readonly successor: string;
    readonly sender: string;
}

/** The same shape, still being filled. */
export interface GrowingChanges {
    readonly memberships: MembershipChange[];
    readonly selfJoined: SelfJoined[];
    readonly selfLeft: SelfLeft[];
    readonly selfInvited: SelfInvited[];
    /** By the room with the tombstone: the last that was named. */
    readonly successors: Map<string, Successor>;
}
