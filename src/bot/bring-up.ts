import { type Account, type AccountOptions, establishAccount, renewAccessToken } from "../account/index.ts";
import type { Settings } from "../config/index.ts";
import { type CryptoPort, type CrossSigningSecrets, startCrypto } from "../crypto/index.ts";
import type { Failure } from "../failures/index.ts";
import { connectHomeserver, type Homeserver, type HomeserverAccess } from "../homeserver/index.ts";
import { deriveSeal } from "../sealing/index.ts";
import { forgetSyncPosition } from "../sync/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { Store } from "./folder/store.ts";
import type { Releases } from "./shutdown.ts";

export interface BringUpOptions {
    readonly settings: Settings;
    readonly store: Store;
    readonly log: Logger;
    /** Aborts every request: the bot stops. */
    readonly signal: AbortSignal;
    readonly releases: Releases;
    readonly onFatal: (reason: Failure) => void;
    readonly resetIdentity: boolean;
    /** The homeserver turned out to be restored from an older state, and the sync position is forgotten. */
    readonly onHomeserverWentBack: () => void;
    /** A restore's: the cross-signing keys as the old device had them. */
    readonly carriedIdentity?: CrossSigningSecrets;
    /** Attempts of each request; undefined: an absent homeserver is waited for. */
    readonly attempts?: number;
}

/** A homeserver that knows us, and a device that is cross-signed. */
export interface Online {
    readonly homeserver: Homeserver & HomeserverAccess;
    readonly account: Account;
    readonly crypto: CryptoPort;
}

/**
 * Connects, logs in and makes the account ready: the part that `run` and `login` share. @throws Failure, AbortError,
 * HomeserverError
 */
export async function bringUp(options: BringUpOptions): Promise<Online> {
    const {
        settings,
        store,
        log,
        signal,
        releases,
        onFatal,
        onHomeserverWentBack,
        resetIdentity,
        carriedIdentity,
        attempts,
    } = options;
    const { url, user_id: userId, password, access_token: accessToken } = settings.homeserver;
    const seal = deriveSeal(store.storeKey, "account");
    const homeserver = connectHomeserver({
        url,
        userId,
        signal,
        log,
        ...(attempts === undefined ? {} : { attempts }),
        renewToken: () => renewAccessToken(access()),
    });
    const access = (): Omit<AccountOptions, "openCrypto" | "recoveryKey" | "dataDir" | "onHomeserverWentBack"> => {
        return { homeserver, database: store.database, seal, log, url, userId, password, accessToken, resetIdentity };
    };
    const account = await establishAccount({
        ...access(),
        ...(carriedIdentity === undefined ? {} : { carriedIdentity }),
        recoveryKey: settings.recovery_key,
        dataDir: store.folder.path,
        onHomeserverWentBack: () => {
            log.warn(
                { operation: "generation" },
                "the homeserver was restored from an older state: its rooms are read anew",
            );
            store.database.transaction(() => forgetSyncPosition(store.database));
            onHomeserverWentBack();
        },
        openCrypto: async (user, deviceId) => {
            const crypto = await startCrypto({
                path: store.folder.cryptoStore,
                userId: user,
                deviceId,
                storeKey: store.storeKey,
                log,
                onFatal,
                onCommit: (commits) => store.mark.heard(commits),
            });
            releases.add("the crypto worker", () => crypto.close());
            await store.mark.requireReached(crypto, store.folder.cryptoStore);
            return crypto;
        },
    });
    return { homeserver, account, crypto: account.crypto };
}
