import type { Secret } from "../config/index.ts";
import type { CryptoPort } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import type { Homeserver, HomeserverAccess } from "../homeserver/index.ts";
import type { Seal } from "../sealing/index.ts";
import type { Logger } from "../telemetry/index.ts";

/** What the account is made of; the same for `run` and `login`. */
export interface AccountOptions {
    readonly homeserver: Homeserver & HomeserverAccess;
    readonly database: Database;
    /** Seals the access token in the database. */
    readonly seal: Seal;
    readonly log: Logger;
    /** For sentences only. */
    readonly url: string;
    readonly userId: string;
    /** One of the two is given. */
    readonly password: Secret | undefined;
    readonly accessToken: Secret | undefined;
    readonly recoveryKey: Secret | undefined;
    readonly dataDir: string;
    /** Opens the crypto store for this device. Called once; whoever gave this function closes what it answered. */
    readonly openCrypto: (userId: string, deviceId: string) => Promise<CryptoPort>;
    /** The homeserver turned out to be restored from an older state. Synchronous, and on disk when it returns. */
    readonly onHomeserverWentBack: () => void;
    /** `login --reset-identity`: replaces the published cross-signing identity by a new one. */
    readonly resetIdentity?: boolean;
}
