/** The shapes that `status --json` shows of share jobs; part of the contract with operators (schema 1). Times are ISO 8601 UTC. */
export interface JobStatus {
    readonly id: string;
    readonly room_id: string;
    readonly user_id: string;
    readonly inviter: string;
    readonly state: string;
    readonly reason: string | null;
    readonly message: string;
    readonly attempts: number;
    readonly next_attempt_at: string | null;
    readonly devices: readonly { readonly device_id: string; readonly state: string }[];
    readonly created_at: string;
    readonly updated_at: string;
}
