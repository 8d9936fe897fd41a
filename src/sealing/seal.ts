import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const ivBytes = 12;
const tagBytes = 16;

/** A sealed value that this key does not open in this place: another key, another row, or damage. */
export class SealBroken extends Error {
    constructor(place: string) {
        super(`a sealed value in ${place} does not open`);
        this.name = "SealBroken";
    }
}

/**
 * Encrypts what rests in our own tables, bound to the place where it stands: a value moved to another row does not
 * open.
 */
export interface Seal {
    /** @param place names the table and row, and has to be the same when the value is opened. */
    seal(place: string, plaintext: Uint8Array): Uint8Array;
    /** @throws SealBroken */
    open(place: string, sealed: Uint8Array): Uint8Array;
}

/**
 * A seal whose key is derived from the store key for one purpose. AES-256-GCM (NIST SP 800-38D) with a random 96-bit IV
 * in front and the tag behind; the key by HKDF-SHA-256 (RFC 5869).
 * @param storeKey 32 bytes
 * @param purpose keeps this key apart from every other that is derived from the same store key
 */
export function deriveSeal(storeKey: Uint8Array, purpose: string): Seal {
    const key = deriveKey(storeKey, purpose);
    return {
        seal(place, plaintext) {
            const iv = randomBytes(ivBytes);
            const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(place));
            return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
        },
        open(place, sealed) {
            try {
                const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, ivBytes), {
                    authTagLength: tagBytes,
                }).setAAD(Buffer.from(place));
                decipher.setAuthTag(sealed.subarray(-tagBytes));
                return Buffer.concat([decipher.update(sealed.subarray(ivBytes, -tagBytes)), decipher.final()]);
            } catch {
                throw new SealBroken(place);
            }
        },
    };
}

/** 32 bytes for one purpose, derived from the store key by HKDF-SHA-256. */
export function deriveKey(storeKey: Uint8Array, purpose: string): Uint8Array {
    return new Uint8Array(hkdfSync("sha256", storeKey, new Uint8Array(), `backscroll ${purpose}`, 32));
}
