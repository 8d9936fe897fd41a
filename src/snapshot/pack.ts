import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileNames, firstLine, proofOf, type SnapshotHeader } from "./format.ts";

export type { SnapshotHeader } from "./format.ts";

/**
 * Small: what is made of them on the way to a command, text in base64, is garbage that V8 clears away early only below
 * 128 KB.
 */
const pieceBytes = 64 * 1024;

/**
 * The snapshot of a folder that holds copies of the two stores, in pieces.
 * @param folder nobody may change the files in it until the last piece is out
 * @param key proves to `unpackSnapshot`, which is given the same, who made it; 32 bytes
 */
export async function* packSnapshot(
    folder: string,
    header: SnapshotHeader,
    key: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
    const sum = createHash("sha256");
    for await (const piece of contents(folder, header)) {
        sum.update(piece);
        yield piece;
    }
    const sha256 = sum.digest("hex");
    yield line({ sha256, hmac: proofOf(sha256, key).toString("hex") });
}

async function* contents(folder: string, header: SnapshotHeader): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from(`${firstLine}\n`);
    yield line(header);
    for (const name of fileNames) {
        const path = join(folder, name);
        const { size } = await stat(path);
        yield line({ file: name, bytes: size });
        yield* piecesOf(path, size);
    }
}

async function* piecesOf(path: string, size: number): AsyncGenerator<Uint8Array, void, undefined> {
    await using file = await open(path, "r");
    for (let left = size; left > 0;) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(Math.min(pieceBytes, left)));
        if (bytesRead === 0) throw new Error(`${path} has become shorter while it was read`);
        left -= bytesRead;
        yield buffer.subarray(0, bytesRead);
    }
}

const line = (content: object): Uint8Array => Buffer.from(`${JSON.stringify(content)}\n`);
