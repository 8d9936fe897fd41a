import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";

// Source: Matrix v1.19, "m.secret_storage.v1.aes-hmac-sha2". Base64 there is unpadded; some clients pad, and both are
// read.

const algorithm = "m.secret_storage.v1.aes-hmac-sha2";

const base64 = z.string().max(100_000);
export const encryptedSecret = z.object({ iv: base64, ciphertext: base64, mac: base64 });
export type EncryptedSecret = z.infer<typeof encryptedSecret>;

/** `m.secret_storage.key.<id>`, as far as we read it. Without iv and mac it does not say which key it belongs to. */
export const keyDescription = z.object({ algorithm: z.literal(algorithm), iv: base64, mac: base64 });
export type KeyDescription = z.infer<typeof keyDescription>;

const zeros = "\0".repeat(32);

/** Describes a new storage key so that it can be recognised later. @param key 32 bytes */
export function describeKey(key: Uint8Array): KeyDescription {
    const { iv, mac } = encryptSecret(key, "", zeros);
    return { algorithm, iv, mac };
}

/** Whether `key` is the one that `description` was made for. */
export function isDescribedBy(key: Uint8Array, description: KeyDescription): boolean {
    const { mac } = encryptSecret(key, "", zeros, Buffer.from(description.iv, "base64"));
    return equal(Buffer.from(mac, "base64"), Buffer.from(description.mac, "base64"));
}

/** @param name the secret's account data type, to which the encryption is bound */
export function encryptSecret(
    key: Uint8Array,
    name: string,
    plaintext: string,
    iv: Uint8Array = randomIv(),
): EncryptedSecret {
    const { aes, hmac } = deriveKeys(key, name);
    const cipher = createCipheriv("aes-256-ctr", aes, iv);
    const ciphertext = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
    return {
        iv: encode(iv),
        ciphertext: encode(ciphertext),
        mac: encode(createHmac("sha256", hmac).update(ciphertext).digest()),
    };
}

/** The plaintext; undefined if it was encrypted with another key or under another name, or was changed. */
export function decryptSecret(key: Uint8Array, name: string, secret: EncryptedSecret): string | undefined {
    const { aes, hmac } = deriveKeys(key, name);
    const [iv, ciphertext] = [Buffer.from(secret.iv, "base64"), Buffer.from(secret.ciphertext, "base64")];
    const mac = createHmac("sha256", hmac).update(ciphertext).digest();
    if (iv.length !== 16 || !equal(mac, Buffer.from(secret.mac, "base64"))) return undefined;
    const decipher = createDecipheriv("aes-256-ctr", aes, iv);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
}

function deriveKeys(key: Uint8Array, name: string): { readonly aes: Buffer; readonly hmac: Buffer } {
    // The specification's salt is 32 zero bytes; HMAC pads, so that it is the same as none.
    const derived = Buffer.from(hkdfSync("sha256", key, new Uint8Array(32), name, 64));
    return { aes: derived.subarray(0, 32), hmac: derived.subarray(32) };
}

/**
 * Bit 63 is zero, as the specification asks: implementations of AES-CTR differ on what happens at the 64-bit boundary.
 */
function randomIv(): Uint8Array {
    const iv = randomBytes(16);
    iv.writeUInt8(iv.readUInt8(8) & 0x7f, 8);
    return iv;
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
    return left.length === right.length && timingSafeEqual(left, right);
}

function encode(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}
