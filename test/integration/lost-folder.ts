import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Leaves of a data folder what a lost disk does: nothing but the key, which was kept elsewhere. Its bot does not run
 * any more.
 */
export function loseFolder(dataFolder: string): void {
    const key = readFileSync(join(dataFolder, "store-key"));
    rmSync(dataFolder, { recursive: true });
    mkdirSync(dataFolder, { mode: 0o700 });
    writeFileSync(join(dataFolder, "store-key"), key, { mode: 0o600 });
}
