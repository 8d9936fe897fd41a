import type { PackedTimes } from "./session-times.ts";
import type { DeviceVerificationRequest } from "./verification-data.ts";

// What goes through the port: plain data, which a thread can be sent.

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

export type OutgoingKind =
    | "keys_upload"
    | "keys_query"
    | "keys_claim"
    | "to_device"
    | "signature_upload"
    | "room_message";

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
    /** Only for `keys_claim`: users who are left for another one, as all of them have too many devices for one step. */
    readonly later?: readonly string[];
}

/** What came of the crypto part of a sync batch. */
export interface Received {
    /** Of whose sessions we now hold more or know more, or of which a room key bundle was announced. */
    readonly rooms: readonly string[];
    /** If not, the batch had nothing for the machine, which then has nothing new for the homeserver either. */
    readonly reachedMachine: boolean;
    /** Requests to verify this device; malformed ones and those of our own user are left out. */
    readonly verificationRequests: readonly DeviceVerificationRequest[];
    /** Who sent room keys that are lost, as the spelling of their flag cannot be read: each as often as they did. */
    readonly unreadableKeysOf: readonly string[];
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
    /**
     * Neither its sender's own `m.room_key` brought it, as far back as we have it, nor ourselves: an import or a bundle
     * did.
     */
    readonly given: boolean;
}

/** Somebody's `m.room_key.withheld` to this device. */
export interface KeyRefusal {
    readonly sessionId: string;
    readonly sender: string;
    /** Such as `m.unverified`, `m.blacklisted`. */
    readonly code: string;
}

/**
 * When a user last sent us each of these, in one room; milliseconds since the epoch by our clock, undefined: never.
 * Trust limit: the user is whom the Olm message names, and anybody may send keys and announcements for any room.
 */
export interface SharingSigns {
    readonly userId: string;
    /** An `m.room_key` whose session the machine takes for shareable: clients on the Rust SDK send such, and share. */
    readonly machineFlagAt: number | undefined;
    /** An `m.room_key` that says so in the specification's spelling alone. */
    readonly specFlagAt: number | undefined;
    /** An `m.room_key` that says nothing, or no in the machine's spelling. */
    readonly silentAt: number | undefined;
    /** The announcement of a room key bundle, whether or not it was taken. */
    readonly bundleAt: number | undefined;
}

export interface RoomKeyPage {
    /** In key export format. */
    readonly sessions: readonly object[];
    /** Where the following ones are; undefined after the last. */
    readonly next: number | undefined;
}

export interface ShareableSet {
    /**
     * Another one after every change of what a bundle would hold; never the same again. Empty: nothing ever changed.
     */
    readonly version: string;
    readonly sessions: number;
    /** Of their entries in a bundle. */
    readonly bytes: number;
    /** Who sent keys of the room and was never in it, as told: what they sent counts for nothing. */
    readonly outsiders: readonly string[];
}

/** The sender of the earliest known event that bears a session's own signature. */
export interface SessionOwner {
    readonly roomId: string;
    readonly sessionId: string;
    readonly userId: string;
}

export interface BundleRequest {
    readonly roomId: string;
    /** AES-256: 32 bytes. */
    readonly key: Uint8Array;
    /** 16 bytes: 8 random ones, then zeros. */
    readonly iv: Uint8Array;
    readonly limits: BundleLimits;
    /** Needed only where a limit may bite. The worker's from then on. */
    readonly times: PackedTimes;
}

export interface BundleLimits {
    readonly maxSessions: number;
    /** For the whole file; undefined: no limit. */
    readonly maxBytes: number | undefined;
    /** Sessions that began earlier are left out; milliseconds since the epoch. */
    readonly notBefore: number | undefined;
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

export interface UserDevice {
    readonly deviceId: string;
    /** Signed by its owner's identity. */
    readonly crossSigned: boolean;
    /** Nobody sits in front of it: it keeps to-device messages for a device that logs in later. Source: MSC3814. */
    readonly dehydrated: boolean;
}

export interface UserKeys {
    /** Unpadded base64; null: the user has published no cross-signing identity that we can verify. */
    readonly masterKey: string | null;
    readonly devices: readonly UserDevice[];
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
    /**
     * `replaced`: another bundle was announced meanwhile, or this one was not. `hash_mismatch`: it is not the file that
     * was announced.
     */
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
