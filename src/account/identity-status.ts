import type { OwnIdentity } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import { AccountTable } from "./account-table.ts";

/**
 * How the device stands with the cross-signing identity that the homeserver publishes for the account:
 * `account.identity` of `status --json` (schema 1).
 */
export interface IdentityStatus {
    /** `replaced`: another one is published; `gone`: none is; `unsigned`: it does not sign the device any more. */
    readonly state: OwnIdentity["state"];
    /** ISO 8601 UTC; null while it is `ours`. */
    readonly since: string | null;
    /** Of `replaced`: the master key that is published, unpadded base64. */
    readonly published: string | null;
    /** What is wrong and what to do; null while it is `ours`. */
    readonly message: string | null;
}

/** As it was heard last; null before the device was signed for the first time. */
export function identityStatus(database: Database): IdentityStatus | null {
    const stored = new AccountTable(database).read();
    if (stored === undefined || stored.masterKey === null) return null;
    const { identity, identitySince: since } = stored;
    return {
        state: identity.state,
        since: since === null ? null : new Date(since).toISOString(),
        published: identity.state === "replaced" ? identity.masterKey : null,
        message: sentence(identity),
    };
}

/** Writes down what was heard of it. Inside a transaction of the caller's. @returns whether that is news */
export function identityHeard(database: Database, identity: OwnIdentity, now: number): boolean {
    return new AccountTable(database).identityHeard(identity, now);
}

const waits = "Clients open nothing from a device that its owner's identity does not sign, so every delivery waits.";
const reset = "`backscroll login --reset-identity`";

function sentence(identity: OwnIdentity): string | null {
    switch (identity.state) {
        case "ours":
            return null;
        case "replaced":
            return [
                `The homeserver publishes another cross-signing identity for the account (${identity.masterKey}):`,
                `another client has replaced the bot's. ${waits}`,
                "If nobody of yours has, change the account's password first. Then stop the bot, and either set recovery_key",
                `to the new identity's recovery key, or replace that identity with ${reset}; and start it again.`,
            ].join(" ");
        case "gone":
            return [
                "The homeserver publishes no cross-signing identity for the account any more.",
                `${waits} Start the bot again, with its recovery key: it publishes one.`,
            ].join(" ");
        case "unsigned":
            return [
                "The homeserver does not publish the bot's device as signed by its identity any more.",
                `${waits} Start the bot again, which signs it; if it stays so, stop it and run ${reset}.`,
            ].join(" ");
    }
}
