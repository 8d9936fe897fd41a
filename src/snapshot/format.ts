import { createHmac } from "node:crypto";
import { z } from "zod";

/**
 * A snapshot is one file, to be read from its beginning to its end:
 *
 *     backscroll snapshot 1                          what it is, and the version of this format
 *     {"version": "0.1.0", "user_id": ..., ...}      the header
 *     {"file": "backscroll.sqlite", "bytes": 4096}   then so many bytes
 *     {"file": "crypto.sqlite", "bytes": 8192}       then so many bytes
 *     {"sha256": "...", "hmac": "..."}               of everything before this line; of that checksum; both in hexadecimal
 *
 * What is in the two files stays sealed with the store key, which is not in the snapshot. That is not all of it:
 * invites, pins and pauses, for instance, are plain rows. So the end proves that whoever wrote the snapshot had the
 * store key. The checksum alone tells damage, without any key.
 */
export const firstLine = "backscroll snapshot 1";

/** In this order: `packSnapshot` says why. */
export const fileNames = ["backscroll.sqlite", "crypto.sqlite"] as const;
export type FileName = (typeof fileNames)[number];

export const longestLine = 4096;

export const headerSchema = z.object({
    /** Of the program that made it. */
    version: z.string().max(100),
    user_id: z.string().max(255),
    device_id: z.string().max(255),
    /** ISO 8601, UTC. */
    made_at: z.string().max(40),
});
export type SnapshotHeader = Readonly<z.output<typeof headerSchema>>;

export const fileSchema = z.object({ file: z.enum(fileNames), bytes: z.int().nonnegative() });

const inHexadecimal = z.string().regex(/^[0-9a-f]{64}$/);
export const endSchema = z.object({ sha256: inHexadecimal, hmac: inHexadecimal });

/**
 * HMAC-SHA-256 (RFC 2104) of the checksum.
 * @param key 32 bytes, derived from the store key for this alone
 * @param sha256 in hexadecimal
 */
export function proofOf(sha256: string, key: Uint8Array): Buffer {
    return createHmac("sha256", key).update(sha256).digest();
}
