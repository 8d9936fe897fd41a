/** What a test may ask of a matrix-js-sdk client in another process. Arguments and answers are JSON. */
export interface ClientOperations {
    /** Logs in, starts the crypto and the sync, and has the device signed as `identity` says. */
    start(options: StartOptions): Promise<void>;
    /** Nothing more is done or heard by this client; its device stays. */
    stop(): Promise<void>;
    createRoom(options: RoomOptions): Promise<string>;
    /**
     * Waits until this client has seen itself invited, then joins as js-sdk does: takes the inviter's bundle, if there
     * is one.
     */
    join(roomId: string): Promise<void>;
    /** The bare request, as clients send it that know nothing of history sharing. */
    inviteWithoutSharing(roomId: string, userId: string): Promise<void>;
    /** js-sdk's own invite: shares the history, then invites. */
    inviteWithSharing(roomId: string, userId: string): Promise<void>;
    kick(roomId: string, userId: string): Promise<void>;
    leave(roomId: string): Promise<void>;
    /** A text, or the content of another message. */
    send(roomId: string, message: string | object): Promise<string>;
    sendState(roomId: string, type: string, stateKey: string, content: object): Promise<void>;
    /** The member event of somebody, as this client has it from its sync. */
    membership(roomId: string, userId: string): Promise<MembershipSeen | null>;
    /** Every message from the room's beginning, as this client can read it now. */
    timeline(roomId: string): Promise<readonly TimelineMessage[]>;
    /**
     * From now on devices that this one has not verified get no room keys, but an `m.room_key.withheld`. Verifies these
     * before, of people in an encrypted room with it.
     */
    excludeUnverified(verified?: readonly DeviceOfUser[]): Promise<void>;
    /** The next message uses a new Megolm session. */
    rotateSession(roomId: string): Promise<void>;
    /** The sessions that this client has, in key export format. */
    exportRoomKeys(): Promise<readonly ExportedRoomKey[]>;
    /** The private cross-signing keys, for another device of the same user. */
    exportIdentity(): Promise<object>;
    /** Has this device signed with what `exportIdentity` of another one gave. */
    takeIdentity(secrets: object): Promise<void>;
    resetIdentity(): Promise<void>;
    /** The user's master key (unpadded base64) by a fresh query; null if none is published. */
    masterKey(userId: string): Promise<string | null>;
    devices(userId: string): Promise<readonly DeviceOfUser[]>;
    ownKeys(): Promise<{ readonly curve25519: string; readonly ed25519: string }>;
    /** Olm-encrypts a to-device event of any type and content for these devices and sends it. */
    sendToDevice(devices: readonly DeviceOfUser[], type: string, content: object): Promise<void>;
    /** What senders of room key bundles have told this client so far, decrypted. */
    bundlesReceived(): Promise<readonly BundleReceived[]>;
    /**
     * Asks somebody to verify each other: one device by to-device messages, or in a direct room. Waits until the client
     * knows their keys, which takes an encrypted room with them. Answers the request's ID.
     */
    askToVerify(userId: string, by: { readonly deviceId: string } | { readonly roomId: string }): Promise<string>;
    /** How a request that this client made stands. */
    verification(request: string): Promise<VerificationSeen>;
    /** Sends a room event as it is, unencrypted by the client. */
    sendRaw(roomId: string, type: string, content: object): Promise<string>;
    /** Any request of the client-server API; `path` is what follows `/_matrix/client/v3`. */
    request(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<unknown>;
}

export interface StartOptions {
    readonly url: string;
    readonly user: string;
    readonly password: string;
    readonly deviceId: string;
    readonly identity: Identity;
}

/**
 * Of a new device: makes the user's cross-signing identity, stays unsigned, or is signed with what `exportIdentity` of
 * another device gave.
 */
export type Identity = "new" | "none" | object;

export interface RoomOptions {
    readonly name: string;
    /** Default: true. */
    readonly encrypted?: boolean;
    /** Default: the server's, for private rooms `shared`. */
    readonly visibility?: string;
    readonly powerLevels?: object;
    /** User IDs, invited as the room is made. */
    readonly invite?: readonly string[];
}

export interface MembershipSeen {
    readonly membership: string;
    readonly sender: string;
    readonly content: object;
}

export interface DeviceOfUser {
    readonly userId: string;
    readonly deviceId: string;
}

export interface TimelineMessage {
    readonly eventId: string;
    readonly sender: string;
    /** null: it could not be decrypted. */
    readonly text: string | null;
    /** Why not, in js-sdk's word. */
    readonly failure?: string;
}

export interface ExportedRoomKey {
    readonly room_id: string;
    readonly session_id: string;
    readonly session_key: string;
    readonly sender_key: string;
}

export interface VerificationSeen {
    readonly phase: "requested" | "cancelled" | "other";
    readonly code: string | null;
    /** In the words of whoever cancelled it, as they were sent; null: this client has seen none. */
    readonly reason: string | null;
}

/** The content of an `m.room_key_bundle`, as far as the stories read it. */
export interface BundleReceived {
    readonly room_id: string;
    readonly file: { readonly url: string; readonly key: { readonly k: string } };
}

/** One request a line to the client's standard input. */
export interface OperationRequest {
    readonly id: number;
    /** Which of the clients in that process. */
    readonly client: number;
    readonly operation: keyof ClientOperations;
    readonly args: readonly unknown[];
}

/** One answer a line from its standard output. */
export type OperationAnswer =
    | { readonly id: number; readonly result: unknown }
    | { readonly id: number; readonly error: string };
