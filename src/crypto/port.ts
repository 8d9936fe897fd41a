import type { CryptoChanges, HistoryVisibility } from "../matrix/index.ts";

/**
 * What the rest of the program may ask of the crypto worker: domain operations, plain data in and out.
 * Every answer leaves the worker after what it promises is on disk. Every operation may reject with a `Failure`
 * (`worker_died`, `disk_full`, ...); what is listed here is what it answers otherwise.
 */
export interface CryptoPort {
    /** The Olm account of this device and its cross-signing state. */
    account(): Promise<AccountKeys>;

    /**
     * Makes a cross-signing identity in the store. The caller has asked the server first and found none, or was told to replace it.
     * Answers the bodies for `/keys/device_signing/upload` (without `auth`) and `/keys/signatures/upload`; calling again answers the same identity.
     */
    createIdentity(options: { readonly reset: boolean }): Promise<IdentityUploads>;
    /** The private cross-signing keys (unpadded base64), for secret storage; undefined unless all three are here. */
    exportIdentity(): Promise<CrossSigningSecrets | undefined>;
    /** Takes the private keys from secret storage. The device is signed with them: send what `outgoing` then has. Answers whether they fit the published identity. */
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
    /** To-device requests that give the room's current session, flagged by `visibility`, to these users' cross-signed devices. */
    shareRoomKey(roomId: string, userIds: readonly string[], visibility: HistoryVisibility): Promise<readonly OutgoingRequest[]>;
    encryptRoomEvent(roomId: string, type: string, content: object): Promise<object>;
    /** The next message in the room uses a new Megolm session. */
    rotate(roomId: string): Promise<void>;

    /** What we hold of a room, counted by the flags. `missing` is not known here. */
    holdings(roomId: string): Promise<RoomHoldings>;
    /** The same session by session, a page at a time: those after the session ID `after`, each ID once; none after the last. */
    heldSessions(roomId: string, after?: string): Promise<readonly HeldSession[]>;
    /** Who refused us sessions of the room. */
    keyRefusals(roomId: string): Promise<readonly KeyRefusal[]>;
    /** What a bundle of the room would be made of now. */
    shareableSet(roomId: string): Promise<ShareableSet>;
    /**
     * Builds the room key bundle from what the flags say may be shared now, and encrypts it as an attachment. It is read in steps between
     * which other operations have their turn. The pieces are handed over, not copied.
     */
    buildBundle(request: BundleRequest): Promise<EncryptedBundle>;
    /** What we know of these users' identities and devices, as of the last `/keys/query`: one for each, in order. */
    userKeys(userIds: readonly string[]): Promise<readonly UserKeys[]>;
    /**
     * Checks each pin and encrypts an `m.room_key_bundle` for each of the users' cross-signed devices: all in one step, and one commit.
     * The encrypted bodies stay in the worker's outbox until `deliveriesSent`; asking again with the same `deliveryId` answers the same bodies
     * and encrypts only for devices that have none yet.
     */
    sealBundles(deliveries: readonly BundleDelivery[]): Promise<readonly SealedDelivery[]>;
    /** The bodies of these deliveries were accepted by the server, or are not wanted any more: forget them. */
    deliveriesSent(deliveryIds: readonly string[]): Promise<void>;
    /** The deliveries of which bodies are still in the outbox. */
    unsentDeliveries(): Promise<readonly string[]>;

    /** Who announced a room key bundle of the room to us, a few of them, the newest first. */
    bundleOfferers(roomId: string): Promise<readonly string[]>;
    /** The newest room key bundle that this user announced for the room; undefined: none. What it says of them is as of the last `/keys/query`. */
    offeredBundle(roomId: string, userId: string): Promise<OfferedBundle | undefined>;
    /**
     * Takes what a bundle holds that was announced and downloaded. Who may give us anything is decided by the caller. It is done in steps between
     * which other operations have their turn; doing it again harms nothing.
     */
    takeBundle(bundle: BundleToTake): Promise<TakenBundle>;
    /** What this user announced for the room is not wanted any more. */
    forgetOffer(roomId: string, sender: string): Promise<void>;

    /**
     * Imports room keys from a key export, a chunk at a time (about 100 entries each), flags put right first. `restored`: what this store has already
     * goes into a new machine; nobody vouches for it anew.
     */
    importRoomKeys(entries: readonly unknown[], options?: { readonly restored: boolean }): Promise<ImportReport>;
    /**
     * The room's sessions in key export format with `shared_history` as our flags say, some at a time: those behind `after`, the `next` of the
     * answer before. A session that was there at the first call comes exactly once, in the form that it has then; of those that come meanwhile, some do.
     */
    exportRoomKeys(roomId: string, after?: number): Promise<RoomKeyPage>;

    /** Forgets every key of the room, ours included, for good; doing it again harms nothing. */
    forgetRoom(roomId: string): Promise<void>;
    /** Makes this copy of a store the one of a new device: to be closed then, and opened as that device. */
    handOver(deviceId: string): Promise<void>;
    roomsWithKeys(): Promise<readonly string[]>;
    /** Writes the whole store as it is now to `path`, a file that does not exist. Holds up the other operations meanwhile: about 0.7 s for 100 MB. */
    copyStore(path: string): Promise<void>;
    /** How many commits are in this store: the guard against a log that lost its end (`bot/commit-mark.ts`). */
    commits(): Promise<number>;
    /** How often this store was taken into use: the guard against old copies of it (`account/generation.ts`). */
    generation(): Promise<Generation>;
    setGeneration(generation: Generation): Promise<void>;

    /** Checks the next piece of the store, some milliseconds' worth; what is damaged there, or undefined after the last piece. */
    checkNext(): Promise<readonly string[] | undefined>;

    /** Answers when the worker's queue has been reached: the health check. */
    ping(): Promise<void>;
    close(): Promise<void>;
}

export interface Generation {
    /** 0: never. */
    readonly value: number;
    /** The latest one that the homeserver is known to have. */
    readonly published: number;
}

export interface AccountKeys {
    readonly userId: string;
    readonly deviceId: string;
    readonly curve25519: string;
    readonly ed25519: string;
    /** Our published master key (unpadded base64) as the store knows it; null if there is none. */
    readonly masterKey: string | null;
    /** True if the private self-signing key is here. */
    readonly canSign: boolean;
    /** True if our own device is signed by our published identity. */
    readonly crossSigned: boolean;
    /** True until the first `/keys/upload` was acknowledged: the store is new. */
    readonly fresh: boolean;
}

/** Request bodies as JSON text. */
export interface IdentityUploads {
    /** A `/keys/upload` that has to be sent first, if the device keys are not published yet. */
    readonly keysUpload: OutgoingRequest | undefined;
    readonly signingKeys: string;
    readonly signatures: string;
}

export interface CrossSigningSecrets {
    readonly master: string;
    readonly selfSigning: string;
    readonly userSigning: string;
}

export type OutgoingKind = "keys_upload" | "keys_query" | "keys_claim" | "to_device" | "signature_upload" | "room_message";

/** A request to the homeserver. `send` (see `outgoing-requests.ts`) turns it into HTTP. */
export interface OutgoingRequest {
    readonly id: string;
    readonly kind: OutgoingKind;
    /** JSON text. */
    readonly body: string;
    /** Only for `to_device`. */
    readonly toDevice?: { readonly eventType: string; readonly txnId: string };
    /** Only for `room_message`. */
    readonly roomMessage?: { readonly roomId: string; readonly eventType: string; readonly txnId: string };
}

/** What came of the crypto part of a sync batch. */
export interface Received {
    /** Of whose sessions we now hold more or know more, or of which a room key bundle was announced. */
    readonly rooms: readonly string[];
    /** If not, the batch had nothing for the machine, which then has nothing new for the homeserver either. */
    readonly reachedMachine: boolean;
}

export interface RoomHoldings {
    readonly shareable: number;
    readonly notShareable: number;
    readonly unknown: number;
}

export interface HeldSession {
    readonly sessionId: string;
    /** The first message that we can decrypt. */
    readonly firstIndex: number;
    /** `withheld`: its sender keeps it from newcomers; `unknown`: nobody said anything about it. */
    readonly verdict: "shareable" | "withheld" | "unknown";
    /** Neither its sender's own `m.room_key` brought it, as far back as we have it, nor ourselves: an import or a bundle did. */
    readonly given: boolean;
}

/** Somebody's `m.room_key.withheld` to this device. */
export interface KeyRefusal {
    readonly sessionId: string;
    readonly sender: string;
    /** Such as `m.unverified`, `m.blacklisted`. */
    readonly code: string;
}

export interface RoomKeyPage {
    /** In key export format. */
    readonly sessions: readonly object[];
    /** Where the following ones are; undefined after the last. */
    readonly next: number | undefined;
}

export interface ShareableSet {
    /** Another one after every change of what a bundle would hold; never the same again. Empty: nothing ever changed. */
    readonly version: string;
    readonly sessions: number;
    /** Of their entries in a bundle. */
    readonly bytes: number;
    /** Users whose `m.room_key` or bundle brought sessions of the room: as their Olm messages name them. */
    readonly senders: readonly string[];
}

export interface BundleRequest {
    readonly roomId: string;
    /** AES-256: 32 bytes. */
    readonly key: Uint8Array;
    /** 16 bytes: 8 random ones, then zeros. */
    readonly iv: Uint8Array;
    readonly limits: BundleLimits;
    /** Senders who were never in the room: what they sent stays out. */
    readonly strangers: readonly string[];
    /** Needed only where a limit may bite. */
    readonly times: readonly SessionTime[];
}

export interface BundleLimits {
    readonly maxSessions: number;
    /** For the whole file; undefined: no limit. */
    readonly maxBytes: number | undefined;
    /** Sessions that began earlier are left out; milliseconds since the epoch. */
    readonly notBefore: number | undefined;
}

/** When the first known event that `sender` encrypted with this session was sent; milliseconds since the epoch. */
export interface SessionTime {
    readonly sessionId: string;
    readonly sender: string;
    readonly firstAt: number;
}

export interface EncryptedBundle {
    /** The ciphertext, in order. */
    readonly pieces: readonly Uint8Array[];
    readonly bytes: number;
    /** Of the ciphertext; unpadded base64. */
    readonly sha256: string;
    /** Of the set that it was built from. */
    readonly version: string;
    readonly shared: number;
    readonly withheld: number;
    readonly leftOut: LeftOut;
}

/** How many shareable sessions are not in a bundle, and why. */
export interface LeftOut {
    readonly tooOld: number;
    readonly overLimit: number;
    readonly fromStrangers: number;
}

export interface UserKeys {
    /** Unpadded base64; null: the user has published no cross-signing identity that we can verify. */
    readonly masterKey: string | null;
    readonly devices: readonly { readonly deviceId: string; readonly crossSigned: boolean }[];
}

/** `EncryptedFile` of the specification (section "Sending encrypted attachments"), every field required. */
export interface EncryptedFile {
    readonly v: "v2";
    readonly url: string;
    readonly key: {
        readonly alg: "A256CTR";
        readonly ext: true;
        readonly k: string;
        readonly key_ops: readonly string[];
        readonly kty: "oct";
    };
    readonly iv: string;
    readonly hashes: { readonly sha256: string };
}

/** A room key bundle that somebody announced to us. Source: MSC4268, `m.room_key_bundle`. */
export interface OfferedBundle {
    readonly url: string;
    /** Milliseconds since the epoch. */
    readonly receivedAt: number;
    /** Of the user: unpadded base64; null: they have published no identity that we can verify. */
    readonly masterKey: string | null;
    /** That announced it; undefined: none that the user has. */
    readonly deviceId: string | undefined;
    /** Whether that device is signed by that identity. */
    readonly crossSigned: boolean;
}

export interface BundleToTake {
    readonly roomId: string;
    readonly sender: string;
    /** Of the announcement that the file was downloaded for. */
    readonly url: string;
    readonly ciphertext: Uint8Array;
}

export type TakenBundle =
    | {
          readonly outcome: "taken";
          /** In the bundle. */
          readonly keys: number;
          /** Sessions of which we have more now, or know more. */
          readonly taken: number;
          /** Keys that are malformed, of another room, or not those of the sessions that they claim. */
          readonly refused: number;
          /** Sessions of which we know now that their senders withhold them from newcomers. */
          readonly withheld: number;
      }
    /** `replaced`: another bundle was announced meanwhile, or this one was not. `hash_mismatch`: it is not the file that was announced. */
    | { readonly outcome: "replaced" | "hash_mismatch" }
    | { readonly outcome: "malformed"; readonly detail: string };

export interface BundleDelivery {
    readonly deliveryId: string;
    readonly roomId: string;
    readonly userId: string;
    /** Only these of the user's devices; undefined: all. */
    readonly deviceIds?: readonly string[];
    /** The master key that the invitee must have: our pin. */
    readonly pinnedMasterKey: string;
    readonly file: EncryptedFile;
}

export type SealedDelivery =
    | { readonly identity: "none" }
    | { readonly identity: "changed"; readonly masterKey: string }
    | {
          readonly identity: "pinned";
          /** One per device of the user; `content` is the encrypted `m.room.encrypted` content. */
          readonly devices: readonly (
              | { readonly deviceId: string; readonly state: "sealed"; readonly content: object }
              | { readonly deviceId: string; readonly state: "no_session" | "not_cross_signed" | "error" }
          )[];
      };

export interface ImportReport {
    readonly imported: number;
    readonly total: number;
    /** Entries that were left out, by place and reason. */
    readonly refused: readonly { readonly index: number; readonly reason: string }[];
}
