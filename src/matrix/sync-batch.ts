import type { RoomEvent, StrippedEvent } from "./events.ts";
import type { UnreadableState } from "./unreadable-state.ts";

/** One answer of `/sync`, checked and in our names. Source: Matrix v1.19, `GET /_matrix/client/v3/sync`. */
export interface SyncBatch {
    /** The token that this batch was asked with; undefined for the very first. */
    readonly since: string | undefined;
    readonly nextBatch: string;
    readonly crypto: CryptoChanges;
    readonly joined: ReadonlyMap<string, JoinedRoomChanges>;
    readonly invited: ReadonlyMap<string, readonly StrippedEvent[]>;
    readonly left: ReadonlyMap<string, JoinedRoomChanges>;
    /**
     * True: all rooms that we are in or invited to are here, whole. Absent where the server told changes only, or
     * something was malformed.
     */
    readonly everyRoom?: boolean;
}

/** What a batch has for the OlmMachine, as it came. */
export interface CryptoChanges {
    readonly toDevice: readonly unknown[];
    readonly deviceLists: { readonly changed: readonly string[]; readonly left: readonly string[] };
    readonly oneTimeKeyCounts: Readonly<Record<string, number>>;
    /** True in the answer to a sync without a token: whose devices changed while we were away, it does not say. */
    readonly fromStart?: boolean;
    /** Undefined if the server does not say. */
    readonly unusedFallbackKeyTypes: readonly string[] | undefined;
    /** Rooms that the same batch shows as ours: that we are in, or invited to. */
    readonly rooms?: readonly string[];
}

export interface JoinedRoomChanges {
    /** True: the server left out events between this timeline and what we saw before. */
    readonly limited: boolean;
    readonly prevBatch: string | undefined;
    /** State before the timeline's first event. */
    readonly state: readonly RoomEvent[];
    readonly timeline: readonly RoomEvent[];
    /** State after the timeline's last event, from servers that say it in this way (MSC4222); it has the last word. */
    readonly stateAfter?: readonly RoomEvent[];
    /** The facts on which the last word of this batch is malformed; absent: there are none. */
    readonly unreadable?: readonly UnreadableState[];
}

/** State events in the order in which they came into force. */
export function stateInOrder({ state, timeline, stateAfter = [] }: JoinedRoomChanges): readonly RoomEvent[] {
    return [...state, ...timeline.filter(({ stateKey }) => stateKey !== undefined), ...stateAfter];
}

/**
 * Whether a room's part of a batch has its state from the creation on: a server sends that exactly when we (re)joined
 * or have no token.
 */
export function hasWholeState(room: JoinedRoomChanges): boolean {
    return stateInOrder(room).some(({ type, stateKey }) => type === "m.room.create" && stateKey === "");
}
