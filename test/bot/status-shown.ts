/** What the stories read of `backscroll status --json`, written down once more: it is a contract with others than us. */
export interface StatusShown {
    readonly schema: number;
    readonly running: boolean;
    readonly account: { readonly user_id: string | null; readonly fingerprint: string | null; readonly cross_signed: boolean };
    readonly rooms: readonly RoomShown[];
    readonly jobs: readonly JobShown[];
}

interface RoomShown {
    readonly room_id: string;
    readonly visibility: string;
    readonly sessions: { readonly shareable: number | null; readonly not_shareable: number | null; readonly unknown: number | null };
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
