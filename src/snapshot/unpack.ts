import { createHash, timingSafeEqual } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import { Failure, isFullDisk } from "../failures/index.ts";
import { ByteReader } from "./byte-reader.ts";
import {
    endSchema,
    fileNames,
    fileSchema,
    firstLine,
    headerSchema,
    longestLine,
    proofOf,
    type SnapshotHeader,
} from "./format.ts";

export interface UnpackedSnapshot {
    readonly header: SnapshotHeader;
    /** Its checksum in hexadecimal: tells one snapshot from another. */
    readonly sha256: string;
}

interface Unpacking {
    /** Exists and is empty; what is in it counts only if `unpackSnapshot` returns. */
    readonly folder: string;
    /** As `packSnapshot` was given it. */
    readonly key: Uint8Array;
    /** The snapshot's, for sentences. */
    readonly name: string;
}

/**
 * Writes the two stores of a snapshot into a folder, and checks that it came whole and from somebody who has the key.
 * @throws Failure `snapshot_unreadable`, `snapshot_unproven`, `disk_full`
 */
export async function unpackSnapshot(
    source: AsyncIterable<Uint8Array>,
    { folder, key, name }: Unpacking,
): Promise<UnpackedSnapshot> {
    const sum = createHash("sha256");
    const reader = new ByteReader(source, (bytes) => sum.update(bytes));
    try {
        const magic = await reader.line(longestLine);
        if (magic !== firstLine) throw unreadable(name, whatElse(magic));
        const header = parse(headerSchema, await reader.line(longestLine), name);
        for (const expected of fileNames) {
            const { file, bytes } = parse(fileSchema, await reader.line(longestLine), name);
            if (file !== expected) throw unreadable(name, `it has ${file} where ${expected} should be`);
            await writeFile(join(folder, file), reader, bytes, name);
        }
        const computed = sum.copy().digest("hex");
        const { sha256, hmac } = parse(endSchema, await reader.line(longestLine), name);
        if (sha256 !== computed) throw unreadable(name, "its checksum is wrong: it was changed or damaged on the way");
        if (!timingSafeEqual(Buffer.from(hmac, "hex"), proofOf(sha256, key)))
            throw new Failure("snapshot_unproven", { path: name });
        return { header, sha256 };
    } finally {
        await reader.close();
    }
}

async function writeFile(path: string, reader: ByteReader, bytes: number, name: string): Promise<void> {
    await using file = await open(path, "wx", 0o600);
    let left = bytes;
    try {
        while (left > 0) {
            const piece = await reader.some(left);
            if (piece === undefined) throw unreadable(name, "it ends in the middle: it was cut off");
            await file.writeFile(piece);
            left -= piece.length;
        }
        await file.sync();
    } catch (error) {
        throw isFullDisk(error) ? new Failure("disk_full", { path }, { cause: error }) : error;
    }
}

function parse<Schema extends z.ZodType>(schema: Schema, text: string | undefined, name: string): z.output<Schema> {
    if (text === undefined) throw unreadable(name, "it ends in the middle: it was cut off");
    try {
        return schema.parse(JSON.parse(text));
    } catch (error) {
        throw unreadable(name, "it has a line that does not belong there: it was changed or damaged on the way", error);
    }
}

function whatElse(magic: string | undefined): string {
    const version = /^backscroll snapshot (\d+)$/.exec(magic ?? "")?.[1];
    return version === undefined
        ? "it is not a snapshot of Backscroll"
        : `it was made by a newer Backscroll (its format is ${version})`;
}

const unreadable = (name: string, detail: string, cause?: unknown) =>
    new Failure("snapshot_unreadable", { path: name, detail }, { cause });
