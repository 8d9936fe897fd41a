/**
 * What the stories read of `backscroll status --json`, written down once more: it is a contract with others than us.
 */
export interface StatusShown {
    readonly schema: number;
    readonly running: boolean;
    readonly paused: { readonly rooms: readonly string[] };
    readonly account: {
        readonly user_id: string | null;
        readonly device_id: string | null;
        readonly fingerprint: string | null;
        readonly cross_signed: boolean;
        readonly identity: {
            readonly state: string;
            readonly since: string | null;
            readonly published: string | null;
        } | null;
    };
    readonly rooms: readonly RoomShown[];
    readonly jobs: readonly JobShown[];
}

interface RoomShown {
    readonly room_id: string;
    readonly visibility: string;
    readonly covers_since: string | null;
    readonly sessions: Readonly<Record<"shareable" | "not_shareable" | "unknown" | "missing", number | null>>;
    readonly coverage: {
        readonly reach: string;
        readonly complete: boolean;
        readonly events: number;
        readonly covered: number;
        readonly withheld: number | null;
        readonly withheld_from_bot: { readonly sessions: number; readonly senders: readonly string[] };
    } | null;
    readonly received_bundle: {
        readonly from: string;
        readonly state: string;
        readonly reason: string | null;
        readonly message: string | null;
        readonly keys: number;
        readonly withheld: number;
    } | null;
    readonly problems: readonly { readonly code: string; readonly message: string }[];
}

export interface JobShown {
    readonly id: string;
    readonly room_id: string;
    readonly user_id: string;
    readonly inviter: string;
    readonly state: string;
    readonly reason: string | null;
    readonly message: string;
    readonly devices: readonly { readonly device_id: string; readonly state: string }[];
}
