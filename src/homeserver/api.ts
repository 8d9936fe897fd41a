import type { Secret } from "../config/index.ts";

/**
 * What the program asks of the homeserver; `client.ts` is the only implementation that speaks HTTP. Every call rejects
 * with a `HomeserverError` (one variant per cause, see `errors.ts`) once retrying cannot help or its time is up, and
 * with an `AbortError` when the bot stops. Calls that must wait out an outage are retried inside for as long as
 * `signal` lives.
 */
export interface Homeserver {
    /**
     * The path prefix, method and body as they are: for the requests that the OlmMachine makes. Answers the body as
     * JSON text.
     */
    keysUpload(body: string): Promise<string>;
    signaturesUpload(body: string): Promise<string>;
    /**
     * Answers what may be used of what each user's own homeserver said, as JSON text. Of a user who was asked for there
     * is an entry, or their server stands under `failures`, or they do, by user ID, with a `fault` (see `KeysFault`).
     */
    keysQuery(body: string, options?: CallOptions): Promise<string>;
    /** The same for one-time keys; a user with a `fault` may have an entry all the same. */
    keysClaim(body: string, options?: CallOptions): Promise<string>;
    /** Sends to-device messages; the same `txnId` makes it safe to repeat. `body` is `{"messages": ...}`. */
    sendToDevice(eventType: string, txnId: string, body: string, options?: CallOptions): Promise<string>;
    /**
     * Publishes cross-signing keys; `password` answers the user-interactive authentication if the server asks for it;
     * `auth_required` without one.
     */
    signingKeysUpload(body: string, password: Secret | undefined): Promise<void>;

    whoami(): Promise<{ readonly userId: string; readonly deviceId: string | undefined }>;
    /** The raw answer of `/sync`. Long-polls up to `timeoutMs`; is never retried inside (the loop decides). */
    sync(options: SyncOptions): Promise<unknown>;
    accountData(userId: string, type: string): Promise<Record<string, unknown> | undefined>;
    putAccountData(userId: string, type: string, content: object): Promise<void>;

    // What belongs to one delivery is one attempt: the ledger of share jobs repeats it, after another look, and others
    // go on meanwhile.

    /** The server's limit for an upload, in bytes; undefined if it does not say. */
    uploadLimit(): Promise<number | undefined>;
    /** Reserves an `mxc://` URI. */
    createMedia(): Promise<string>;
    /** Uploads to a reserved URI, in pieces; "already there" counts as done. */
    putMedia(mxc: string, pieces: readonly Uint8Array[]): Promise<void>;
    /** Whether the media is there. */
    mediaExists(mxc: string): Promise<boolean>;
    /**
     * Downloads a medium; `too_large` if it has more than `maxBytes`, which is found out before or while it is read.
     */
    getMedia(mxc: string, maxBytes: number): Promise<Uint8Array>;

    /**
     * Makes a room and answers its ID. One attempt, never repeated inside: nothing tells a second request from a first
     * one. Source: Matrix v1.19, `POST /createRoom`.
     */
    createRoom(content: object): Promise<string>;
    /** Here and in `leave`, one attempt: the room's server may let ours wait, and whoever asks goes on meanwhile. */
    join(roomId: string, via: readonly string[]): Promise<void>;
    /** Also rejects an invite. */
    leave(roomId: string, reason: string): Promise<void>;
    /**
     * Whether anybody has this user ID: false only for a 404 that says so; every other answer means that somebody has.
     * Source: Matrix v1.19, `GET /profile/{userId}`. One attempt.
     */
    hasAccount(userId: string): Promise<boolean>;
    /** The whole current state, as raw events. */
    roomState(roomId: string): Promise<readonly unknown[]>;
    /**
     * The member event's raw form as it stands on the server now (with event_id and sender); undefined if the whole
     * state has none.
     */
    memberEvent(roomId: string, userId: string): Promise<unknown>;
    /**
     * Writes `m.room.member` of another user and answers the event's ID. One attempt, never repeated inside, not even
     * after a 429: what was read before may not hold any more, and the caller has to look again.
     */
    putMember(roomId: string, userId: string, content: object): Promise<string>;
    event(roomId: string, eventId: string): Promise<unknown>;
    /** A page of the room's events, newest first. One attempt: who reads backwards has all the time there is. */
    messages(roomId: string, options: MessagesOptions): Promise<MessagesPage>;
    sendEvent(roomId: string, eventType: string, txnId: string, content: object): Promise<string>;
}

/** What logging in needs; beside `Homeserver` so that the other parts cannot. */
export interface HomeserverAccess {
    /**
     * The versions of the specification that the server speaks: tells a homeserver from anything else.
     * Three answers that are not Matrix are an error (`not_matrix`); an absent server is waited for like everywhere.
     */
    versions(): Promise<readonly string[]>;
    /**
     * Logs in by password as this device and uses the new access token from then on. `forbidden`: the password is
     * wrong.
     */
    login(
        password: Secret,
        deviceId: string,
    ): Promise<{ readonly userId: string; readonly deviceId: string; readonly accessToken: Secret }>;
    /**
     * Deletes a device of ours, by password; one that does not exist is deleted already. `forbidden`: the password is
     * wrong.
     */
    deleteDevice(deviceId: string, password: Secret): Promise<void>;
    useAccessToken(token: Secret): void;
}

export interface CallOptions {
    readonly signal?: AbortSignal;
    /** Milliseconds for one attempt. */
    readonly timeoutMs?: number;
    /** Attempts in all before the error is thrown; default: until `signal` aborts or the error cannot heal. */
    readonly attempts?: number;
}

export interface SyncOptions {
    readonly since: string | undefined;
    readonly timeoutMs: number;
    /** JSON text of an inline filter. */
    readonly filter: string;
    readonly signal: AbortSignal;
}

export interface MessagesOptions {
    /** A token of `/sync` or of the page before; undefined: from the newest event on. */
    readonly from: string | undefined;
    /** Where to stop; a server need not heed it. */
    readonly to: string | undefined;
    readonly limit: number;
    /** JSON text of an inline filter. */
    readonly filter: string;
    readonly signal: AbortSignal;
}

export interface MessagesPage {
    /** As they came. */
    readonly events: readonly unknown[];
    /** Where the next page begins; undefined: nothing earlier can be seen. */
    readonly end: string | undefined;
}
