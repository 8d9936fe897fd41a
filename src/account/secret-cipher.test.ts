import { randomBytes } from "node:crypto";
import { encodeRecoveryKey as peerEncode } from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import { ServerSideSecretStorageImpl } from "matrix-js-sdk/lib/secret-storage.js";
import { expect, test } from "vitest";
import { decodeRecoveryKey } from "../matrix/index.ts";
import { decryptSecret, describeKey, encryptSecret, isDescribedBy } from "./secret-cipher.ts";
import { fits, SecretStorage } from "./secret-storage.ts";

const key = Uint8Array.from({ length: 32 }, (_, index) => index);
const name = "m.cross_signing.master";
const algorithm = "m.secret_storage.v1.aes-hmac-sha2" as const;

/** Account data in memory, for us and for the peer. */
class AccountData {
    readonly content = new Map<string, object>();

    accountData(_: string, type: string): Promise<Record<string, unknown> | undefined> {
        const content = this.content.get(type);
        return Promise.resolve(content === undefined ? undefined : { ...content });
    }

    putAccountData(_: string, type: string, content: object): Promise<void> {
        this.content.set(type, content);
        return Promise.resolve();
    }

    /** matrix-js-sdk's secret storage on the same account data, opened with `key`. */
    peer(): ServerSideSecretStorageImpl {
        type Adapter = ConstructorParameters<typeof ServerSideSecretStorageImpl>[0];
        const adapter = {
            getAccountDataFromServer: (type: string) => Promise.resolve(this.content.get(type) ?? null),
            setAccountData: async (type: string, content: object) => {
                await this.putAccountData("", type, content);
                return {};
            },
        } as unknown as Adapter;
        return new ServerSideSecretStorageImpl(adapter, {
            getSecretStorageKey: ({ keys }) => Promise.resolve([Object.keys(keys)[0] ?? "", Uint8Array.from(key)]),
        });
    }
}

// The specification gives no numbers; these were computed once with OpenSSL's command line (kdf HKDF, enc -aes-256-ctr,
// dgst -hmac).
test("a fixed secret encrypts to fixed bytes", () => {
    const iv = Uint8Array.from({ length: 16 }, (_, index) => index);
    expect(encryptSecret(key, name, "c2VjcmV0", iv)).toEqual({
        iv: "AAECAwQFBgcICQoLDA0ODw",
        ciphertext: "K+LTnVBx9Nw",
        mac: "p9IR0YvUO0lfzF7muudkZYVJT7GAylALoRxuGn7dQmc",
    });
});

test("what we store, matrix-js-sdk reads, and recognises the key", async () => {
    const data = new AccountData();
    const ours = new SecretStorage(data, "@bot:x");
    await ours.write(await ours.addDefaultKey(key), name, "c2VjcmV0");
    const peer = data.peer();
    expect(await peer.get(name)).toBe("c2VjcmV0");
    const [, info] = (await peer.getKey()) ?? [];
    if (info === undefined) throw new Error("the peer finds no default key");
    expect(await peer.checkKey(Uint8Array.from(key), info)).toBe(true);
    expect(await peer.checkKey(Uint8Array.from(randomBytes(32)), info)).toBe(false);
});

test("what matrix-js-sdk stores, we read, and recognise the key", async () => {
    const data = new AccountData();
    const peer = data.peer();
    const { keyId } = await peer.addKey(algorithm, { key: Uint8Array.from(key) });
    await peer.setDefaultKeyId(keyId);
    await peer.store(name, "c2VjcmV0");
    const ours = new SecretStorage(data, "@bot:x");
    const named = await ours.defaultKey();
    expect(fits(randomBytes(32), named)).toBeUndefined();
    const storageKey = fits(key, named);
    expect(storageKey?.id).toBe(keyId);
    expect(storageKey && (await ours.read(storageKey, name))).toBe("c2VjcmV0");
});

test("a recovery key that matrix-js-sdk writes opens what it describes", () => {
    const text = peerEncode(Uint8Array.from(key));
    expect(isDescribedBy(decodeRecoveryKey(text ?? "") ?? randomBytes(32), describeKey(key))).toBe(true);
});

test("a secret opens with its key, under its name, unchanged, and not otherwise", () => {
    const secret = encryptSecret(key, name, "c2VjcmV0");
    expect(decryptSecret(key, name, secret)).toBe("c2VjcmV0");
    expect(decryptSecret(randomBytes(32), name, secret)).toBeUndefined();
    expect(decryptSecret(key, "m.cross_signing.self_signing", secret)).toBeUndefined();
    expect(
        decryptSecret(key, name, { ...secret, ciphertext: encryptSecret(key, name, "other").ciphertext }),
    ).toBeUndefined();
    expect(decryptSecret(key, name, { ...secret, mac: "" })).toBeUndefined();
    expect(decryptSecret(key, name, { ...secret, iv: "AAAA" })).toBeUndefined();
});

test("bit 63 of every random iv is zero", () => {
    for (let round = 0; round < 100; round++)
        expect((Buffer.from(encryptSecret(key, name, "x").iv, "base64")[8] ?? 0) & 0x80).toBe(0);
});

test.each<readonly [string, readonly (readonly [string, object])[], string]>([
    ["nothing", [], "none"],
    ["an empty object, as clients delete", [["m.secret_storage.default_key", {}]], "none"],
    ["a key ID of the wrong type", [["m.secret_storage.default_key", { key: 7 }]], "unreadable"],
    ["a key without a description", [["m.secret_storage.default_key", { key: "a" }]], "unreadable"],
    [
        "a key of another algorithm",
        [
            ["m.secret_storage.default_key", { key: "a" }],
            ["m.secret_storage.key.a", { algorithm: "x", iv: "", mac: "" }],
        ],
        "unreadable",
    ],
    [
        "a description without iv and mac, which any key would fit",
        [
            ["m.secret_storage.default_key", { key: "a" }],
            ["m.secret_storage.key.a", { algorithm }],
        ],
        "unreadable",
    ],
])("a default key that is %s is told from one that is there", async (_, content, state) => {
    const data = new AccountData();
    for (const [type, value] of content) data.content.set(type, value);
    const named = await new SecretStorage(data, "@bot:x").defaultKey();
    expect(named.state).toBe(state);
    expect(fits(key, named)).toBeUndefined();
});

test.each([
    {},
    { encrypted: 7 },
    { encrypted: {} },
    { encrypted: { a: {} } },
    { encrypted: { a: { iv: 1, ciphertext: "", mac: "" } } },
])("a malformed secret %j is no secret", async (content) => {
    const data = new AccountData();
    data.content.set(name, content);
    const storage = new SecretStorage(data, "@bot:x");
    expect(await storage.read({ id: "a", key }, name)).toBeUndefined();
    expect(await storage.read({ id: "__proto__", key }, name)).toBeUndefined();
});
