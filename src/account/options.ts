import type { Secret } from "../config/index.ts";
import type { CryptoPort, CrossSigningSecrets } from "../crypto/index.ts";
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
    /**
     * A restore's: the private keys as the old device had them. Those of secret storage are taken where they do not
     * fit.
     */
    readonly carriedIdentity?: CrossSigningSecrets;
    /** `login --reset-identity`: replaces the published cross-signing identity by a new one. */
    readonly resetIdentity?: boolean;
}
