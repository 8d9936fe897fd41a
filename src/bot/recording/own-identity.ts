import { identityHeard, identityStatus } from "../../account/index.ts";
import type { OwnIdentity } from "../../crypto/index.ts";
import type { Database } from "../../database/index.ts";
import { followIdentity, reconsiderRooms } from "../../sharing/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { SharingLedger } from "./sharing-ledger.ts";

export interface OwnIdentityParts {
    readonly database: Database;
    readonly ledger: Pick<SharingLedger, "jobs" | "notices" | "facts">;
    readonly log: Logger;
    readonly now: () => number;
}

/**
 * Writes down how our device stands with the published identity, and what follows for deliveries and notices.
 * @returns whether that is news
 */
export function recordOwnIdentity(parts: OwnIdentityParts, identity: OwnIdentity): boolean {
    const { database, ledger, log, now } = parts;
    const isNews = database.transaction(() => {
        if (!identityHeard(database, identity, now())) return false;
        followIdentity(ledger, identity);
        reconsiderRooms(ledger);
        return true;
    });
    if (!isNews) return false;
    const facts = { operation: "own_identity", state: identity.state };
    if (identity.state === "ours") log.info(facts, "the device is signed by the published identity again");
    else log.error(facts, identityProblems(database).join(" "));
    return true;
}

/** What is wrong with our identity, for the health check. */
export function identityProblems(database: Database): readonly string[] {
    const message = identityStatus(database)?.message ?? null;
    return message === null ? [] : [message];
}
