import { createCipheriv, createHash, randomBytes } from "node:crypto";
import type { EncryptedFile } from "../crypto/index.ts";

/**
 * Encrypts a file the way attachments are encrypted.
 * AES-256-CTR with 64 random bits of IV in front of a counter from 0; the hash is of the ciphertext.
 * Source: Matrix v1.19, "Sending encrypted attachments".
 * @param url the reserved `mxc://` URI that the ciphertext will be uploaded to
 */
export function encryptFile(plaintext: Uint8Array, url: string): { readonly ciphertext: Uint8Array; readonly file: EncryptedFile } {
    const key = randomBytes(32);
    const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
    const cipher = createCipheriv("aes-256-ctr", key, iv);
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return {
        ciphertext,
        file: {
            v: "v2",
            url,
            key: { alg: "A256CTR", ext: true, k: key.toString("base64url"), key_ops: ["encrypt", "decrypt"], kty: "oct" },
            iv: unpadded(iv),
            hashes: { sha256: unpadded(createHash("sha256").update(ciphertext).digest()) },
        },
    };
}

function unpadded(bytes: Buffer): string {
    return bytes.toString("base64").replaceAll("=", "");
}
