import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Secret } from "../config/index.ts";
import { Failure } from "../failures/index.ts";
import { decodeRecoveryKey, encodeRecoveryKey } from "../matrix/index.ts";
import { writeKeyFile } from "../sealing/index.ts";

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
 * Makes a recovery key and writes it to the data folder, mode 0600, on disk when this returns: it must be findable
 * before anything is encrypted to it. Called only where there is none.
 */
export function makeRecoveryKey(dataDir: string): Uint8Array {
    const key = Uint8Array.from(randomBytes(32));
    try {
        writeKeyFile(recoveryKeyPath(dataDir), `${encodeRecoveryKey(key)}\n`);
    } catch (error) {
        throw new Failure(
            "data_dir_unusable",
            { path: dataDir, detail: error instanceof Error ? error.message : String(error) },
            { cause: error },
        );
    }
    return key;
}

function decode(text: string, place: string): Uint8Array {
    const key = decodeRecoveryKey(text);
    if (key === undefined) throw new Failure("recovery_key_malformed", { place });
    return key;
}
