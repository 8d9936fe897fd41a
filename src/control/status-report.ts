import type { IdentityStatus } from "../account/index.ts";
import type { JobStatus } from "../sharing/index.ts";

/**
 * What `status --json` prints: a contract with operators and their scripts. Fields may be added, never changed, within
 * a schema. Times are ISO 8601 UTC; null: it has not happened, or is not known.
 */
export interface StatusReport {
    readonly schema: 1;
    readonly version: string;
    readonly running: boolean;
    readonly paused: { readonly all: boolean; readonly rooms: readonly string[] };
    readonly sync: { readonly last_success_at: string | null };
    readonly account: AccountStatus;
    readonly store: StoreStatus;
    readonly rooms: readonly RoomStatus[];
    /** Room keys that are lost because nobody can read the spelling of their flag, by sender; the newest twenty. */
    readonly unreadable_keys: readonly UnreadableKeysStatus[];
    /** To the bot, left pending. */
    readonly invites: readonly { readonly room_id: string; readonly inviter: string; readonly since: string }[];
    /** Newest first. */
    readonly jobs: readonly JobStatus[];
}

export interface UnreadableKeysStatus {
    readonly user_id: string;
    readonly keys: number;
    readonly last_at: string;
}

export interface AccountStatus {
    readonly user_id: string | null;
    readonly device_id: string | null;
    /** The master key, unpadded base64: also what `trust --key` takes. */
    readonly fingerprint: string | null;
    readonly cross_signed: boolean | null;
    /** How the device stands with the published identity. */
    readonly identity: IdentityStatus | null;
    readonly backup: "none" | "ready" | "untrusted";
    readonly recovery: "none" | "in_data_dir" | "ready";
}

/** What the check of the whole crypto store found that follows each start in the background. */
export interface StoreStatus {
    readonly check: "not_yet" | "sound" | "damaged";
    readonly checked_at: string | null;
    /** What is damaged and what to do. */
    readonly message: string | null;
}

export interface RoomStatus {
    readonly room_id: string;
    readonly mode: string;
    readonly visibility: string | null;
    readonly can_invite: boolean | null;
    readonly joined_at: string | null;
    readonly covers_since: string | null;
    readonly sessions: SessionCounts;
    /** Null: not counted yet. */
    readonly coverage: CoverageStatus | null;
    /** The room key bundle of whoever invited the bot; null: none was awaited, or none came in time. */
    readonly received_bundle: ReceivedBundleStatus | null;
    readonly problems: readonly { readonly code: string; readonly message: string }[];
}

/** How much of the room's encrypted history the bot can hand on. */
export interface CoverageStatus {
    /**
     * `start`: the room's first encrypted event is known; `under_way`: it is still being looked for; `cut`: it will not
     * be found.
     */
    readonly reach: "start" | "under_way" | "cut";
    /**
     * At least 95 % are covered, back to the first encrypted event or to what imported keys or the inviter's bundle
     * open.
     */
    readonly complete: boolean;
    /** Encrypted messages that are known. */
    readonly events: number;
    /** Of those: that newcomers get from the bot, or that their senders withhold from newcomers. */
    readonly covered: number;
    /** Of the covered: that their senders withhold from newcomers. Null: not counted yet. */
    readonly withheld: number | null;
    /** Sessions of known messages whose senders refused the bot their keys, and those senders. */
    readonly withheld_from_bot: { readonly sessions: number; readonly senders: readonly string[] };
}

export interface ReceivedBundleStatus {
    /** Who invited the bot. */
    readonly from: string;
    readonly state: "waiting" | "taken" | "not_taken";
    /** Of `not_taken` why, of `waiting` what is in the way. */
    readonly reason: string | null;
    /** What became of it; null: nothing was announced yet. */
    readonly message: string | null;
    /** Sessions whose keys were in it. */
    readonly keys: number;
    /** Sessions of which it said that their senders withhold them from newcomers. */
    readonly withheld: number;
    readonly changed_at: string;
}

export interface SessionCounts {
    readonly shareable: number | null;
    readonly not_shareable: number | null;
    readonly unknown: number | null;
    readonly missing: number | null;
}

/** Which rooms and jobs `status` shows; what is undefined does not filter. */
export interface StatusFilters {
    readonly roomId: string | undefined;
    readonly userId: string | undefined;
    readonly state: string | undefined;
    /** Jobs that changed since: milliseconds since the epoch. */
    readonly since: number | undefined;
    /** The most jobs shown. */
    readonly limit: number;
}

/** The report before the first start. */
export function emptyStatus(version: string): StatusReport {
    return {
        schema: 1,
        version,
        running: false,
        paused: { all: false, rooms: [] },
        sync: { last_success_at: null },
        account: {
            user_id: null,
            device_id: null,
            fingerprint: null,
            cross_signed: null,
            identity: null,
            backup: "none",
            recovery: "none",
        },
        store: { check: "not_yet", checked_at: null, message: null },
        rooms: [],
        unreadable_keys: [],
        invites: [],
        jobs: [],
    };
}
