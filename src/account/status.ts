import { existsSync } from "node:fs";
import type { Database } from "../database/index.ts";
import { AccountTable } from "./account-table.ts";
import { identityStatus, type IdentityStatus } from "./identity-status.ts";
import { recoveryKeyPath } from "./recovery-key.ts";

/** The `account` part of `status --json` (schema 1). */
export interface AccountStatus {
    readonly user_id: string;
    readonly device_id: string;
    /** The master key, unpadded base64. */
    readonly fingerprint: string | null;
    readonly cross_signed: boolean;
    readonly identity: IdentityStatus | null;
    readonly backup: "none" | "ready" | "untrusted";
    readonly recovery: "none" | "in_data_dir" | "ready";
}

/** From the database and the data folder alone; null before the first login. */
export function accountStatus(database: Database, dataDir: string): AccountStatus | null {
    const stored = new AccountTable(database).read();
    if (stored === undefined || !stored.loggedIn) return null;
    const saved = stored.masterKey !== null && stored.recoverySavedFor === stored.masterKey;
    const beside = existsSync(recoveryKeyPath(dataDir));
    return {
        user_id: stored.userId,
        device_id: stored.deviceId,
        fingerprint: stored.masterKey,
        cross_signed: stored.crossSigned,
        identity: identityStatus(database),
        backup: "none",
        recovery: saved ? (beside ? "in_data_dir" : "ready") : "none",
    };
}
