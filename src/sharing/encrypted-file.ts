import { createCipheriv, createHash, randomBytes } from "node:crypto";
import type { EncryptedFile } from "../crypto/index.ts";

export interface EncryptedBytes {
    readonly ciphertext: Uint8Array;
    readonly file: EncryptedFile;
}

/**
 * Encrypts a file the way attachments are encrypted.
 * AES-256-CTR with 64 random bits of IV in front of a counter from 0; the hash is of the ciphertext.
 * Source: Matrix v1.19, "Sending encrypted attachments".
 * @param url the reserved `mxc://` URI that the ciphertext will be uploaded to
 */
export function encryptFile(plaintext: Uint8Array, url: string): EncryptedBytes {
    const key = randomBytes(32);
    const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
    const ciphertext = encrypt(plaintext, key, iv);
    return {
        ciphertext,
        file: {
            v: "v2",
            url,
            key: { alg: "A256CTR", ext: true, k: key.toString("base64url"), key_ops: ["encrypt", "decrypt"], kty: "oct" },
            iv: unpadded(iv),
            hashes: { sha256: unpadded(sha256(ciphertext)) },
        },
    };
}

/**
 * The ciphertext of a file once more, to repeat an upload of which nobody knows whether it arrived.
 * @returns undefined unless it comes out the same: one key and IV must never go with two contents.
 */
export function encryptAgain(plaintext: Uint8Array, file: EncryptedFile): EncryptedBytes | undefined {
    const ciphertext = encrypt(plaintext, Buffer.from(file.key.k, "base64url"), Buffer.from(file.iv, "base64"));
    return unpadded(sha256(ciphertext)) === file.hashes.sha256 ? { ciphertext, file } : undefined;
}

function encrypt(plaintext: Uint8Array, key: Uint8Array, iv: Uint8Array): Uint8Array {
    const cipher = createCipheriv("aes-256-ctr", key, iv);
    return Buffer.concat([cipher.update(plaintext), cipher.final()]);
}

function sha256(bytes: Uint8Array): Buffer {
    return createHash("sha256").update(bytes).digest();
}

function unpadded(bytes: Buffer): string {
    return bytes.toString("base64").replaceAll("=", "");
}
