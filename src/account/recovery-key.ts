import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Secret } from "../config/index.ts";
import { Failure } from "../failures/index.ts";
import { decodeRecoveryKey, encodeRecoveryKey } from "../matrix/index.ts";

/** Where a recovery key that we made waits to be moved away. */
export function recoveryKeyPath(dataDir: string): string {
    return join(dataDir, "recovery-key");
}

/** The recovery key's 32 bytes, from the configuration or from the data folder; undefined if neither has one. */
export function findRecoveryKey(configured: Secret | undefined, dataDir: string): Uint8Array | undefined {
    if (configured !== undefined) return decode(configured.reveal(), "recovery_key");
    const path = recoveryKeyPath(dataDir);
    return existsSync(path) ? decode(readFileSync(path, "utf8"), path) : undefined;
}

/**
 * Makes a recovery key and writes it to the data folder, mode 0600, on disk when this returns: it must be findable before anything is
 * encrypted to it. The file appears whole or not at all, and never replaces one.
 */
export function makeRecoveryKey(dataDir: string): Uint8Array {
    const key = Uint8Array.from(randomBytes(32));
    const path = recoveryKeyPath(dataDir);
    const draft = `${path}.new`;
    rmSync(draft, { force: true });
    try {
        writeDurably(draft, `${encodeRecoveryKey(key)}\n`);
        linkSync(draft, path);
        syncFolder(dataDir);
    } catch (error) {
        throw new Failure(
            "data_dir_unusable",
            { path: dataDir, detail: error instanceof Error ? error.message : String(error) },
            { cause: error },
        );
    } finally {
        rmSync(draft, { force: true });
    }
    return key;
}

function decode(text: string, place: string): Uint8Array {
    const key = decodeRecoveryKey(text);
    if (key === undefined) throw new Failure("recovery_key_malformed", { place });
    return key;
}

function writeDurably(path: string, text: string): void {
    const file = openSync(path, "wx", 0o600);
    try {
        writeSync(file, text);
        fsyncSync(file);
    } finally {
        closeSync(file);
    }
}

function syncFolder(path: string): void {
    const folder = openSync(path, "r");
    try {
        fsyncSync(folder);
    } finally {
        closeSync(folder);
    }
}
