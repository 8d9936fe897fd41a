import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { CryptoPort } from "../../crypto/index.ts";
import type { DataFolder } from "../folder/data-folder.ts";

/** Milliseconds in which the crypto thread has to answer. */
const patience = 2_000;

export interface HealthParts {
    readonly folder: DataFolder;
    /** Undefined while the account is not ready, which is no illness: the homeserver may be away. */
    readonly crypto: () => Pick<CryptoPort, "ping"> | undefined;
    /** What keeps the sync from recording or everything from being shared, and what is damaged, in sentences. */
    readonly knownProblems: () => readonly string[];
}

export interface Health {
    readonly healthy: boolean;
    readonly problems: readonly string[];
}

/**
 * Whether both threads answer, the disk can be written and nothing is known to be wrong. An absent homeserver does not
 * make the bot unhealthy.
 */
export async function checkHealth({ folder, crypto, knownProblems }: HealthParts): Promise<Health> {
    const problems = [...knownProblems(), ...diskProblems(folder), ...(await threadProblems(crypto()))];
    return { healthy: problems.length === 0, problems };
}

async function threadProblems(crypto: Pick<CryptoPort, "ping"> | undefined): Promise<readonly string[]> {
    if (crypto === undefined) return [];
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), patience);
    const answered = await Promise.race([crypto.ping().then(() => true), late]);
    clearTimeout(timer);
    return answered ? [] : [`the crypto worker has not answered for ${patience / 1000} seconds`];
}

function diskProblems(folder: DataFolder): readonly string[] {
    const probe = join(folder.path, "health-probe");
    try {
        const file = openSync(probe, "w", 0o600);
        try {
            writeSync(file, Buffer.alloc(4096));
            fsyncSync(file);
        } finally {
            closeSync(file);
            rmSync(probe, { force: true });
        }
        return [];
    } catch (error) {
        return [
            `the data folder ${folder.path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
        ];
    }
}
