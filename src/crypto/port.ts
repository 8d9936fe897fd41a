import type { CryptoChanges, HistoryVisibility, RoomEvent } from "../matrix/index.ts";
import type {
    AccountKeys,
    BundleDelivery,
    BundleRequest,
    BundleToTake,
    CrossSigningSecrets,
    EncryptedBundle,
    Generation,
    HeldSession,
    IdentityUploads,
    ImportReport,
    KeyRefusal,
    OfferedBundle,
    OutgoingRequest,
    Received,
    RoomHoldings,
    RoomKeyPage,
    SealedDelivery,
    SessionOwner,
    ShareableSet,
    SharingSigns,
    TakenBundle,
    UserKeys,
} from "./port-data.ts";
import type { VerificationRequestsFound } from "./verification-data.ts";

export type * from "./port-data.ts";
export type * from "./verification-data.ts";

/**
 * What the rest of the program may ask of the crypto worker: domain operations, plain data in and out.
 * Every answer leaves the worker after what it promises is on disk. Every operation may reject with a `Failure`
 * (`worker_died`, `disk_full`, ...); what is listed here is what it answers otherwise.
 */
export interface CryptoPort {
    /** The Olm account of this device and its cross-signing state. */
    account(): Promise<AccountKeys>;

    /**
     * Makes a cross-signing identity in the store. The caller has asked the server first and found none, or was told to
     * replace it. Answers the bodies for `/keys/device_signing/upload` (without `auth`) and `/keys/signatures/upload`;
     * calling again answers the same identity.
     */
    createIdentity(options: { readonly reset: boolean }): Promise<IdentityUploads>;
    /** The private cross-signing keys (unpadded base64), for secret storage; undefined unless all three are here. */
    exportIdentity(): Promise<CrossSigningSecrets | undefined>;
    /**
     * Takes the private keys from secret storage. The device is signed with them: send what `outgoing` then has.
     * Answers whether they fit the published identity.
     */
    importIdentity(secrets: CrossSigningSecrets): Promise<boolean>;
    /** The body for `/keys/signatures/upload` that signs our own device with our self-signing key. */
    signOwnDevice(): Promise<string>;

    /** Takes the crypto part of a sync batch: ratchets, flags, room key facts and ready entries in one commit. */
    receive(changes: CryptoChanges): Promise<Received>;

    /** Requests that the machine wants sent now, in order; each is acknowledged with `markSent`. */
    outgoing(): Promise<readonly OutgoingRequest[]>;
    markSent(request: Pick<OutgoingRequest, "id" | "kind">, response: string): Promise<void>;

    /** A `/keys/query` for these users, whether or not their devices are tracked; acknowledged with `markSent`. */
    keysQuery(userIds: readonly string[]): Promise<OutgoingRequest>;
    /** A `/keys/claim` for the devices of these users with whom we have no Olm session; undefined if there are none. */
    keysClaim(userIds: readonly string[]): Promise<OutgoingRequest | undefined>;

    /** Encrypting in a room, step by step (see `room-encryption.ts`). */
    trackUsers(userIds: readonly string[]): Promise<void>;
    /**
     * To-device requests that give the room's current session, flagged by `visibility`, to these users' cross-signed
     * devices.
     */
    shareRoomKey(
        roomId: string,
        userIds: readonly string[],
        visibility: HistoryVisibility,
    ): Promise<readonly OutgoingRequest[]>;
    encryptRoomEvent(roomId: string, type: string, content: object): Promise<object>;
    /** The next message in the room uses a new Megolm session. */
    rotate(roomId: string): Promise<void>;

    /** Decrypts these events and answers which of them are requests to verify somebody; of the others, nothing. */
    findVerificationRequests(roomId: string, events: readonly RoomEvent[]): Promise<VerificationRequestsFound>;

    /**
     * Which rooms are the bot's: all that it is in or invited to, and those that it has left and whose keys it keeps.
     * What comes for any other is kept, within limits, until this is called a day later. Answers the rooms that were
     * not the bot's so far, and of which there is something.
     * @param now the time of `RunningClock`; to be told every ten minutes at least
     */
    setRooms(roomIds: readonly string[], now: number): Promise<readonly string[]>;
    /** Whose sessions these are, by the rooms' events; answers the rooms in which something else may be shared now. */
    setOwners(owners: readonly SessionOwner[]): Promise<readonly string[]>;
    /** Users whose `m.room_key` or bundle brought sessions of the room: as their Olm messages name them. */
    keySenders(roomId: string): Promise<readonly string[]>;
    /** Which of them were never in the room; answers whether something else may be shared now. */
    setOutsiders(roomId: string, userIds: readonly string[]): Promise<boolean>;
    /** What we hold of a room, counted by the flags. `missing` is not known here. */
    holdings(roomId: string): Promise<RoomHoldings>;
    /**
     * The same session by session, a page at a time: those after the session ID `after`, each ID once; none after the
     * last.
     */
    heldSessions(roomId: string, after?: string): Promise<readonly HeldSession[]>;
    /** Who refused us sessions of the room. */
    keyRefusals(roomId: string): Promise<readonly KeyRefusal[]>;
    /** What a bundle of the room would be made of now. */
    shareableSet(roomId: string): Promise<ShareableSet>;
    /**
     * Builds the room key bundle from what the flags say may be shared now, and encrypts it as an attachment. It is
     * read in steps between which other operations have their turn. The pieces are handed over, not copied.
     */
    buildBundle(request: BundleRequest): Promise<EncryptedBundle>;
    /** What we know of these users' identities and devices, as of the last `/keys/query`: one for each, in order. */
    userKeys(userIds: readonly string[]): Promise<readonly UserKeys[]>;
    /**
     * Checks each pin and encrypts an `m.room_key_bundle` for each of the users' cross-signed devices: fifty in one
     * step, and one commit; between steps other operations have their turn. The encrypted bodies stay in the worker's
     * outbox until `deliveriesSent`; asking again with the same `deliveryId` answers the same bodies and encrypts only
     * for devices that have none yet.
     */
    sealBundles(deliveries: readonly BundleDelivery[]): Promise<readonly SealedDelivery[]>;
    /** The bodies of these deliveries were accepted by the server, or are not wanted any more: forget them. */
    deliveriesSent(deliveryIds: readonly string[]): Promise<void>;
    /** The deliveries of which bodies are still in the outbox. */
    unsentDeliveries(): Promise<readonly string[]>;

    /**
     * What users sent us, for this room, that tells whether their clients share history: of a thousand users at most,
     * the newest first.
     */
    sharingSigns(roomId: string): Promise<readonly SharingSigns[]>;
    /**
     * Rooms of which there are such signs, whether or not the bot is in them: a thousand at most, the one with the
     * newest first.
     */
    roomsWithSigns(): Promise<readonly string[]>;

    /** Who announced a room key bundle of the room to us, a few of them, the newest first. */
    bundleOfferers(roomId: string): Promise<readonly string[]>;
    /**
     * The newest room key bundle that this user announced for the room; undefined: none. What it says of them is as of
     * the last `/keys/query`.
     */
    offeredBundle(roomId: string, userId: string): Promise<OfferedBundle | undefined>;
    /**
     * Takes what a bundle holds that was announced and downloaded. Who may give us anything is decided by the caller.
     * It is done in steps between which other operations have their turn; doing it again harms nothing.
     */
    takeBundle(bundle: BundleToTake): Promise<TakenBundle>;
    /** What this user announced for the room is not wanted any more. */
    forgetOffer(roomId: string, sender: string): Promise<void>;

    /**
     * Imports room keys from a key export, a chunk at a time (about 100 entries each), flags put right first.
     */
    importRoomKeys(entries: readonly unknown[]): Promise<ImportReport>;
    /**
     * The room's sessions in key export format with `shared_history` as our flags say, some at a time: those behind
     * `after`, the `next` of the answer before. A session that was there at the first call comes exactly once, in the
     * form that it has then; of those that come meanwhile, some do.
     */
    exportRoomKeys(roomId: string, after?: number): Promise<RoomKeyPage>;

    /** Forgets every key of the room, ours included, for good; doing it again harms nothing. */
    forgetRoom(roomId: string): Promise<void>;
    /** Makes this copy of a store the one of a new device: to be closed then, and opened as that device. */
    handOver(deviceId: string): Promise<void>;
    roomsWithKeys(): Promise<readonly string[]>;
    /**
     * Writes the whole store as it is now to `path`, a file that does not exist. Holds up the other operations
     * meanwhile: about 0.7 s for 100 MB.
     */
    copyStore(path: string): Promise<void>;
    /** How many commits are in this store: the guard against a log that lost its end (`bot/folder/commit-mark.ts`). */
    commits(): Promise<number>;
    /** How often this store was taken into use: the guard against old copies of it (`account/generation.ts`). */
    generation(): Promise<Generation>;
    setGeneration(generation: Generation): Promise<void>;

    /**
     * Checks the next piece of the store, some milliseconds' worth; what is damaged there, or undefined after the last
     * piece.
     */
    checkNext(): Promise<readonly string[] | undefined>;

    /** Answers when the worker's queue has been reached: the health check. */
    ping(): Promise<void>;
    close(): Promise<void>;
}
