import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Failure, isFullDisk } from "../../failures/index.ts";

/** Bytes in order; each piece is good until the next is asked for. */
export type Pieces = AsyncGenerator<Uint8Array, void, undefined>;

/** Makes the failure for a file that cannot be imported. */
export type Refuse = (detail: string) => Failure;

/** A file that is read more than once, from its beginning each time. */
export interface Source extends AsyncDisposable {
    readonly pieces: () => Pieces;
}

const pieceBytes = 65_536;

/**
 * Opens a file. What can be read only once, a pipe or `-`, the standard input, is kept in a file in `spoolFolder` that
 * has no name any more, encrypted with a key that only this process has: nobody who deciphers an export on the way
 * wants it on a disk.
 * @throws Failure as `refuse` makes it; `data_dir_unusable`, `disk_full`
 */
export async function openSource(path: string, spoolFolder: string, refuse: Refuse): Promise<Source> {
    if (path === "-") return await spool(process.stdin, spoolFolder);
    try {
        const file = await open(path, "r");
        const facts = await file.stat();
        if (facts.isFile()) return unchanged(file, facts, refuse);
        if (!facts.isDirectory()) return await spool(file.createReadStream(), spoolFolder);
        await file.close();
    } catch (error) {
        if (error instanceof Failure || !(error instanceof Error && "code" in error)) throw error;
        throw refuse(faults[String(error.code)] ?? `it cannot be read (${String(error.code)})`);
    }
    throw refuse("it is a folder");
}

const faults: Readonly<Record<string, string>> = { ENOENT: "it does not exist", EACCES: "this user may not read it" };

/** A second reading has to find what the first has looked at. */
function unchanged(file: FileHandle, { size, mtimeMs }: Stats, refuse: Refuse): Source {
    return {
        pieces: async function* () {
            yield* contents(file);
            const now = await file.stat();
            if (now.size !== size || now.mtimeMs !== mtimeMs) throw refuse("it was changed while it was read");
        },
        [Symbol.asyncDispose]: () => file.close(),
    };
}

async function spool(input: AsyncIterable<Uint8Array>, folder: string): Promise<Source> {
    const file = await namelessFile(folder);
    const [key, iv] = [randomBytes(32), randomBytes(16)];
    const cipher = createCipheriv("aes-256-ctr", key, iv);
    try {
        for await (const piece of input) await file.writeFile(cipher.update(piece));
    } catch (error) {
        await file.close();
        throw explained(error, folder);
    }
    return {
        pieces: async function* () {
            const decipher = createDecipheriv("aes-256-ctr", key, iv);
            for await (const piece of contents(file)) yield decipher.update(piece);
        },
        [Symbol.asyncDispose]: () => file.close(),
    };
}

async function namelessFile(folder: string): Promise<FileHandle> {
    const path = join(folder, `.import-${randomBytes(4).toString("hex")}`);
    try {
        const file = await open(path, "wx+", 0o600);
        await unlink(path);
        return file;
    } catch (error) {
        throw explained(error, folder);
    }
}

function explained(error: unknown, path: string): unknown {
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
    if (isFullDisk(error)) return new Failure("disk_full", { path }, { cause: error });
    if (code === undefined) return error;
    return new Failure("data_dir_unusable", { path, detail: `no file can be made in it (${code})` }, { cause: error });
}

/** All of a file, by places: however often, and without moving anything. */
async function* contents(file: FileHandle): Pieces {
    const buffer = new Uint8Array(pieceBytes);
    for (let position = 0; ;) {
        const { bytesRead } = await file.read(buffer, 0, pieceBytes, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
    }
}
