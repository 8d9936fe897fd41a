import type { AccountKeys, CryptoPort } from "../crypto/index.ts";
import { Failure } from "../failures/index.ts";
import { HomeserverError, problemOf } from "../homeserver/index.ts";
import { AccountTable } from "./account-table.ts";
import { credentialsFailure, credentialsVerdict } from "./credentials.ts";
import { explain } from "./explain.ts";
import { StoreGeneration } from "./generation.ts";
import { Identity } from "./identity.ts";
import type { AccountOptions } from "./options.ts";
import { type PublishedKeys, queryOwnKeys, sendOwnRequests } from "./own-keys.ts";
import { openSession } from "./session.ts";

/** Our device, logged in, its keys published and signed by our published identity. */
export interface Account {
    readonly userId: string;
    readonly deviceId: string;
    /** The published master key, unpadded base64: our fingerprint. */
    readonly masterKey: string;
    readonly crypto: CryptoPort;
    /** Counted already for this start. */
    readonly generation: StoreGeneration;
}

/**
 * Brings the account to where encrypted messages may be sent. Run at every start; each step may be cut short and is
 * taken up again.
 * @throws Failure for everything that an operator can put right; HomeserverError and AbortError otherwise
 */
export async function establishAccount(options: AccountOptions): Promise<Account> {
    try {
        return await establish(options);
    } catch (error) {
        throw explain(error, options.url, options.userId);
    }
}

async function establish(options: AccountOptions): Promise<Account> {
    const { homeserver, userId, log } = options;

    // 1. Is it a homeserver at all? A wrong URL is said before a password is sent to it.
    await checkHomeserver(options);

    // 2. User and device: what is stored binds us, then the login or the token. The device's ID is stored before it
    //    logs in.
    const deviceId = await openSession(options);

    // 3. The crypto store, which must be this device's own.
    const crypto = await options.openCrypto(userId, deviceId);
    const keys = await crypto.account();
    if (keys.userId !== userId || keys.deviceId !== deviceId) {
        throw new Failure("store_of_another_device", {
            store: `${keys.userId} ${keys.deviceId}`,
            device: `${userId} ${deviceId}`,
        });
    }

    try {
        // 4. What the server publishes for us, before anything of ours is uploaded: an upload over another store's keys
        //    cannot be undone.
        const before = await queryOwnKeys(homeserver, crypto, userId, deviceId);
        refuseForeignKeys(keys, before);

        // 5. Before anything is encrypted or uploaded: are the ratchets those that were used last?
        const generation = new StoreGeneration({ ...options, crypto, deviceId });
        await generation.claim();

        // 6. Device keys and one-time keys, so that there is something to sign.
        await sendOwnRequests(homeserver, crypto);

        // 7. Whether there is an identity is believed of an answer only that shows our device beside it: an empty one
        //    proves nothing.
        const shown = before.device === undefined ? await queryOwnKeys(homeserver, crypto, userId, deviceId) : before;
        if (shown.device !== keys.ed25519)
            throw new HomeserverError("keys_query", {
                kind: "malformed",
                detail: "it does not show the device keys that it has taken",
            });

        // 8. The identity, and its signature on our device: receivers drop bundles from unsigned devices without a
        //    word.
        //    Where nobody here can sign for the published one, `status` says so of a bot that does not run.
        noteForeign(options, shown);
        await new Identity(options, crypto).establish(shown);

        // 9. Believed only when the server publishes it so.
        const masterKey = await verify(options, crypto, deviceId);
        log.info({ user: userId, device: deviceId }, "the account is ready: the device is cross-signed");
        return { userId, deviceId, masterKey, crypto, generation };
    } catch (error) {
        throw credentialsVerdict(error) === "stop" ? credentialsFailure(error, userId, deviceId) : error;
    }
}

async function checkHomeserver({ homeserver, url }: AccountOptions): Promise<void> {
    try {
        await homeserver.versions();
    } catch (error) {
        const problem = problemOf(error);
        if (problem?.kind === "not_matrix") throw explain(error, url, "");
        const wrong =
            problem !== undefined &&
            ["malformed", "unrecognized", "not_found", "forbidden", "invalid", "too_large"].includes(problem.kind);
        if (wrong && error instanceof Error)
            throw new Failure("homeserver_wrong", { url, detail: error.message }, { cause: error });
        throw error;
    }
}

/**
 * A store and a device belong together for life. With another Olm account the server would keep one-time keys that we
 * cannot open, and peers that knew the old keys would keep those: such a device is dead, and nobody would notice.
 */
function refuseForeignKeys(keys: AccountKeys, published: PublishedKeys): void {
    if (published.device === keys.ed25519) return;
    const facts = { user: keys.userId, device: keys.deviceId };
    if (published.device !== undefined)
        throw new Failure(keys.fresh ? "device_keys_lost" : "device_keys_of_another_store", facts);
    if (!keys.fresh) throw new Failure("device_keys_gone", facts);
}

/** Another identity than ours is published: it was replaced while the bot was down. */
function noteForeign({ database }: AccountOptions, { masterKey }: PublishedKeys): void {
    const table = new AccountTable(database);
    const ours = table.read()?.masterKey ?? null;
    if (ours === null || masterKey === undefined || masterKey === ours) return;
    database.transaction(() => table.identityHeard({ state: "replaced", masterKey }, Date.now()));
}

/** The signature as the server shows it to others, and as the machine has verified it. Answers the master key. */
async function verify(
    { homeserver, database, userId }: AccountOptions,
    crypto: CryptoPort,
    deviceId: string,
): Promise<string> {
    const published = await queryOwnKeys(homeserver, crypto, userId, deviceId);
    const keys = await crypto.account();
    const signed = keys.crossSigned && published.device === keys.ed25519 && published.masterKey === keys.masterKey;
    if (!signed || keys.masterKey === null)
        throw new Failure("device_not_cross_signed", { user: userId, device: deviceId });
    new AccountTable(database).identity(keys.masterKey, true);
    return keys.masterKey;
}
