import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { EncryptedFile } from "../../crypto/index.ts";

/** What a file is encrypted with; a pair must never go with two contents. */
export interface FileSecrets {
    /** AES-256: 32 bytes. */
    readonly key: Uint8Array;
    /** 64 random bits in front of a counter from 0: 16 bytes. */
    readonly iv: Uint8Array;
}

/** Every field is required: a receiver cannot even decrypt a bundle event whose `file` lacks one. */
export const encryptedFileSchema: z.ZodType<EncryptedFile> = z.object({
    v: z.literal("v2"),
    url: z.string(),
    key: z.object({
        alg: z.literal("A256CTR"),
        ext: z.literal(true),
        k: z.string(),
        key_ops: z.array(z.string()),
        kty: z.literal("oct"),
    }),
    iv: z.string(),
    hashes: z.object({ sha256: z.string() }),
});

export function newFileSecrets(): FileSecrets {
    return {
        key: new Uint8Array(randomBytes(32)),
        iv: new Uint8Array(Buffer.concat([randomBytes(8), Buffer.alloc(8)])),
    };
}

/**
 * What a device needs to open a file.
 * Source: Matrix v1.19, "Sending encrypted attachments".
 * @param url the reserved `mxc://` URI
 * @param sha256 of the ciphertext, in unpadded base64
 */
export function encryptedFile(url: string, { key, iv }: FileSecrets, sha256: string): EncryptedFile {
    return {
        v: "v2",
        url,
        key: {
            alg: "A256CTR",
            ext: true,
            k: Buffer.from(key).toString("base64url"),
            key_ops: ["encrypt", "decrypt"],
            kty: "oct",
        },
        iv: Buffer.from(iv).toString("base64").replaceAll("=", ""),
        hashes: { sha256 },
    };
}

export function secretsOf({ key, iv }: EncryptedFile): FileSecrets {
    return { key: new Uint8Array(Buffer.from(key.k, "base64url")), iv: new Uint8Array(Buffer.from(iv, "base64")) };
}
