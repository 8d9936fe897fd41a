import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Secret, socketPath } from "../../config/index.ts";
import { Failure, isFullDisk } from "../../failures/index.ts";
import { writeKeyFile } from "../../sealing/index.ts";

/** Where each thing lies in the data folder. */
export interface DataFolder {
    readonly path: string;
    readonly database: string;
    readonly cryptoStore: string;
    readonly storeKey: string;
    readonly socket: string;
}

export function dataFolder(path: string): DataFolder {
    return {
        path,
        database: join(path, "backscroll.sqlite"),
        cryptoStore: join(path, "crypto.sqlite"),
        storeKey: join(path, "store-key"),
        socket: socketPath(path),
    };
}

/** Makes the folder (mode 0700) if it does not exist. @throws Failure `data_dir_unusable` */
export function createDataFolder(folder: DataFolder): void {
    try {
        makeFolder(folder.path);
    } catch (error) {
        throw unusable(folder, error);
    }
}

/**
 * Step by step: `mkdir` with `recursive` never returns where a parent refuses new folders with ENOENT, as /proc does.
 */
function makeFolder(path: string): void {
    if (existsSync(path)) return;
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
}

/**
 * The 32 bytes that everything in the stores is sealed with: as configured, else from the folder, else made now.
 * A key is never made beside a store that exists: it could not open it.
 * @throws Failure `data_dir_unusable`, `store_key_missing`, `store_key_malformed`
 */
export function loadStoreKey(folder: DataFolder, configured: Secret | undefined, storeExists: boolean): Uint8Array {
    if (configured !== undefined) return decode(configured.reveal(), "store_key");
    try {
        return decode(readFileSync(folder.storeKey, "utf8"), folder.storeKey);
    } catch (error) {
        if (!isMissing(error)) throw error instanceof Failure ? error : unusable(folder, error);
    }
    if (storeExists) throw new Failure("store_key_missing", { path: folder.storeKey });
    const key = randomBytes(32);
    try {
        writeKeyFile(folder.storeKey, `${key.toString("base64")}\n`);
    } catch (error) {
        throw unusable(folder, error);
    }
    return key;
}

function decode(text: string, place: string): Uint8Array {
    const key = Buffer.from(text.trim(), "base64");
    if (key.byteLength !== 32) throw new Failure("store_key_malformed", { path: place });
    return key;
}

function isMissing(error: unknown): boolean {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function unusable(folder: DataFolder, cause: unknown): Failure {
    if (isFullDisk(cause)) return new Failure("disk_full", { path: folder.path }, { cause });
    return new Failure(
        "data_dir_unusable",
        { path: folder.path, detail: cause instanceof Error ? cause.message : String(cause) },
        { cause },
    );
}
