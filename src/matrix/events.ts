/** The history visibility of a room. Source: Matrix v1.19, `m.room.history_visibility`. */
export type HistoryVisibility = "invited" | "joined" | "shared" | "world_readable";

export type Membership = "invite" | "join" | "knock" | "leave" | "ban";

/** A room event as the homeserver says it: the envelope is checked, the content is still anybody's word. */
export interface RoomEvent {
    readonly type: string;
    readonly eventId: string;
    readonly sender: string;
    /** Milliseconds since the epoch, by the sender's server. */
    readonly originServerTs: number;
    readonly content: Readonly<Record<string, unknown>>;
    /** Present exactly on state events. */
    readonly stateKey?: string;
    /** `unsigned.replaces_state`: the state event that this one took the place of. */
    readonly replacesState?: string;
    /** `unsigned.prev_content` and `prev_sender`: what that one said, and who; the homeserver's word, too. */
    readonly replaced?: { readonly content: Readonly<Record<string, unknown>>; readonly sender: string };
}

/** An event of the stripped state that comes with an invite. */
export interface StrippedEvent {
    readonly type: string;
    readonly sender: string;
    readonly stateKey: string;
    readonly content: Readonly<Record<string, unknown>>;
}
