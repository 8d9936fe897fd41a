import { Failure } from "../failures/index.ts";
import type { CryptoPort, CrossSigningSecrets } from "../crypto/index.ts";
import { problemOf } from "../homeserver/index.ts";
import { AccountTable } from "./account-table.ts";
import type { AccountOptions } from "./options.ts";
import { masterKeyIn, type PublishedKeys, sendOwnRequest, sendOwnRequests } from "./own-keys.ts";
import { findRecoveryKey, makeRecoveryKey, recoveryKeyPath } from "./recovery-key.ts";
import { fits, SecretStorage, type StorageKey } from "./secret-storage.ts";

const secretNames = {
    master: "m.cross_signing.master",
    selfSigning: "m.cross_signing.self_signing",
    userSigning: "m.cross_signing.user_signing",
} as const satisfies Record<keyof CrossSigningSecrets, string>;

/**
 * Our cross-signing identity, and the ways to come to it. One question decides: what does the server publish for us,
 * and who can sign with it? Each way may be cut short by a crash and taken again at the next start.
 */
export class Identity {
    readonly #options: AccountOptions;
    readonly #crypto: CryptoPort;
    readonly #storage: SecretStorage;

    constructor(options: AccountOptions, crypto: CryptoPort) {
        this.#options = options;
        this.#crypto = crypto;
        this.#storage = new SecretStorage(options.homeserver, options.userId);
    }

    /** Makes our device signed by our published identity. @throws Failure where nobody here can sign for it */
    async establish(published: PublishedKeys): Promise<void> {
        const { masterKey, canSign, crossSigned } = await this.#crypto.account();
        if (this.#options.resetIdentity === true) return this.#replace();
        if (published.masterKey === undefined) return this.#createFirst();
        const foreign = !canSign || masterKey !== published.masterKey;
        if (foreign && !(await this.#importCarried())) return this.#importFromSecretStorage(published.masterKey);
        if (!foreign && !crossSigned) await this.#signDevice();
        await this.#saveSecretsOnce(published.masterKey);
    }

    /**
     * The very first identity. In this order: recovery key on disk, secret storage, and only then the publication. So
     * an identity is never published whose private keys exist in one place only; and a crash before the publication
     * leaves secrets of an identity that nobody has seen, which the next start publishes (the store keeps it).
     */
    async #createFirst(): Promise<void> {
        const storageKey = await this.#openStorage();
        const uploads = await this.#crypto.createIdentity({ reset: false });
        await this.#saveSecrets(storageKey, masterKeyIn(uploads.signingKeys));
        await this.#publish(uploads);
    }

    /**
     * Replaces the identity. Here the secrets are saved after the publication: until the server has taken the new
     * identity, the old one is valid, and secret storage is where its keys are. The new ones are in our store
     * meanwhile, and a crash is healed by `#saveSecretsOnce`.
     */
    async #replace(): Promise<void> {
        if (this.#options.password === undefined) throw new Failure("password_missing", { user: this.#options.userId });
        const storageKey = await this.#openStorage();
        const uploads = await this.#crypto.createIdentity({ reset: true });
        await this.#publish(uploads);
        await this.#saveSecrets(storageKey, masterKeyIn(uploads.signingKeys));
    }

    async #importFromSecretStorage(publishedMasterKey: string): Promise<void> {
        const user = this.#options.userId;
        const recoveryKey = findRecoveryKey(this.#options.recoveryKey, this.#options.dataDir);
        if (recoveryKey === undefined) throw new Failure("identity_locked", { user, key: publishedMasterKey });
        const storageKey = fits(recoveryKey, await this.#storage.defaultKey());
        if (storageKey === undefined) throw new Failure("recovery_key_wrong", { user });
        const secrets = await this.#readSecrets(storageKey);
        if (secrets === undefined || !(await this.#crypto.importIdentity(secrets))) {
            throw new Failure("recovery_incomplete", { user, key: publishedMasterKey });
        }
        await sendOwnRequests(this.#options.homeserver, this.#crypto);
        new AccountTable(this.#options.database).recoverySaved(publishedMasterKey);
    }

    /** Answers whether the identity of the old device is the published one, and has signed ours. */
    async #importCarried(): Promise<boolean> {
        const { carriedIdentity, homeserver } = this.#options;
        if (carriedIdentity === undefined || !(await this.#crypto.importIdentity(carriedIdentity))) return false;
        await sendOwnRequests(homeserver, this.#crypto);
        return true;
    }

    async #signDevice(): Promise<void> {
        await this.#options.homeserver.signaturesUpload(await this.#crypto.signOwnDevice());
    }

    async #publish({
        keysUpload,
        signingKeys,
        signatures,
    }: Awaited<ReturnType<CryptoPort["createIdentity"]>>): Promise<void> {
        const { homeserver, password, userId } = this.#options;
        if (keysUpload !== undefined) await sendOwnRequest(homeserver, this.#crypto, keysUpload);
        try {
            await homeserver.signingKeysUpload(signingKeys, password);
        } catch (error) {
            const problem = problemOf(error);
            if (problem?.kind === "auth_required" && password === undefined)
                throw new Failure("password_missing", { user: userId }, { cause: error });
            if (problem?.kind === "auth_required")
                throw new Failure("password_not_asked_for", { user: userId }, { cause: error });
            if (problem?.kind === "forbidden") throw new Failure("password_wrong", { user: userId }, { cause: error });
            throw error;
        }
        await homeserver.signaturesUpload(signatures);
    }

    /**
     * The default key of secret storage, made if there is none. Another one's is replaced only together with the
     * identity.
     */
    async #openStorage(): Promise<StorageKey> {
        const { recoveryKey, dataDir, log, userId, resetIdentity } = this.#options;
        const found = findRecoveryKey(recoveryKey, dataDir);
        const named = await this.#storage.defaultKey();
        const storageKey = fits(found, named);
        if (storageKey !== undefined) return storageKey;
        if (named.state !== "none" && resetIdentity !== true) {
            throw new Failure(found === undefined ? "secret_storage_locked" : "recovery_key_wrong", { user: userId });
        }
        if (found === undefined)
            log.warn(
                { path: recoveryKeyPath(dataDir) },
                "made a recovery key: move it to a safe place outside the data folder",
            );
        return this.#storage.addDefaultKey(found ?? makeRecoveryKey(dataDir));
    }

    /**
     * After a crash between publication and saving, or when the operator removed secret storage: our store has the
     * keys.
     */
    async #saveSecretsOnce(masterKey: string): Promise<void> {
        const stored = new AccountTable(this.#options.database).read();
        if (stored?.recoverySavedFor === masterKey) return;
        try {
            await this.#saveSecrets(await this.#openStorage(), masterKey);
        } catch (error) {
            // The identity works without: what is missing is the way back after a loss, and `status` says so.
            if (!(error instanceof Failure)) throw error;
            this.#options.log.warn(
                { reason: error.code },
                `the identity's keys could not be saved in secret storage: ${error.message}`,
            );
        }
    }

    async #saveSecrets(storageKey: StorageKey, masterKey: string): Promise<void> {
        const secrets = await this.#crypto.exportIdentity();
        if (secrets === undefined) throw new Error("the store has no private cross-signing keys to save");
        await this.#storage.write(storageKey, secretNames.master, secrets.master);
        await this.#storage.write(storageKey, secretNames.selfSigning, secrets.selfSigning);
        await this.#storage.write(storageKey, secretNames.userSigning, secrets.userSigning);
        new AccountTable(this.#options.database).recoverySaved(masterKey);
    }

    async #readSecrets(storageKey: StorageKey): Promise<CrossSigningSecrets | undefined> {
        const master = await this.#storage.read(storageKey, secretNames.master);
        const selfSigning = await this.#storage.read(storageKey, secretNames.selfSigning);
        const userSigning = await this.#storage.read(storageKey, secretNames.userSigning);
        if (master === undefined || selfSigning === undefined || userSigning === undefined) return undefined;
        return { master, selfSigning, userSigning };
    }
}
