import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Homeserver } from "../homeserver/index.ts";
import {
    decryptSecret,
    describeKey,
    encryptedSecret,
    encryptSecret,
    isDescribedBy,
    type KeyDescription,
    keyDescription,
} from "./secret-cipher.ts";

const defaultKey = z.object({ key: z.string().min(1).max(200) });
const storedSecret = z.object({ encrypted: z.record(z.string(), z.unknown()) });

/** A key of secret storage: its bytes and the ID under which the account knows it. */
export interface StorageKey {
    readonly id: string;
    readonly key: Uint8Array;
}

/** What `m.secret_storage.default_key` names. */
export type DefaultKey =
    | { readonly state: "none" }
    /** There is one, and it cannot be told which key it is: another algorithm, or its description is missing. */
    | { readonly state: "unreadable" }
    | { readonly state: "described"; readonly id: string; readonly description: KeyDescription };

type AccountData = Pick<Homeserver, "accountData" | "putAccountData">;

/**
 * Secrets of the account, kept on the server under a key that the server does not know. Source: Matrix v1.19, "Secret
 * storage".
 */
export class SecretStorage {
    readonly #homeserver: AccountData;
    readonly #userId: string;

    constructor(homeserver: AccountData, userId: string) {
        this.#homeserver = homeserver;
        this.#userId = userId;
    }

    async defaultKey(): Promise<DefaultKey> {
        const named = await this.#get("m.secret_storage.default_key");
        // An empty object is how clients delete account data.
        if (named === undefined || !("key" in named)) return { state: "none" };
        const parsed = defaultKey.safeParse(named);
        if (!parsed.success) return { state: "unreadable" };
        const { key: id } = parsed.data;
        const description = keyDescription.safeParse(await this.#get(`m.secret_storage.key.${id}`));
        return description.success
            ? { state: "described", id, description: description.data }
            : { state: "unreadable" };
    }

    /**
     * Makes `key` the default. Its description is there before it is named, so that a crash between leaves the old
     * default.
     */
    async addDefaultKey(key: Uint8Array): Promise<StorageKey> {
        const id = randomBytes(24).toString("base64url");
        await this.#put(`m.secret_storage.key.${id}`, describeKey(key));
        await this.#put("m.secret_storage.default_key", { key: id });
        return { id, key };
    }

    /** The secret; undefined if it is not there, not under this key, or not whole. */
    async read({ id, key }: StorageKey, name: string): Promise<string | undefined> {
        const stored = storedSecret.safeParse(await this.#get(name));
        if (!stored.success || !Object.hasOwn(stored.data.encrypted, id)) return undefined;
        const encrypted = encryptedSecret.safeParse(stored.data.encrypted[id]);
        return encrypted.success ? decryptSecret(key, name, encrypted.data) : undefined;
    }

    /** Replaces the secret, also what other keys opened: that was another value. */
    async write({ id, key }: StorageKey, name: string, secret: string): Promise<void> {
        await this.#put(name, { encrypted: { [id]: encryptSecret(key, name, secret) } });
    }

    #get(type: string): Promise<Record<string, unknown> | undefined> {
        return this.#homeserver.accountData(this.#userId, type);
    }

    #put(type: string, content: object): Promise<void> {
        return this.#homeserver.putAccountData(this.#userId, type, content);
    }
}

/** The storage key that `key` is, if it is the default one. */
export function fits(key: Uint8Array | undefined, named: DefaultKey): StorageKey | undefined {
    if (key === undefined || named.state !== "described") return undefined;
    return isDescribedBy(key, named.description) ? { id: named.id, key } : undefined;
}
