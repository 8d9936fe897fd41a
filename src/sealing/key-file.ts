import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file for its owner alone (mode 0600). Under its name it is there whole or not at all: half a key would stop
 * every later start. When this returns, the file and its name survive a power cut: what is sealed with the key may be
 * written then.
 * @param path is replaced if it exists; the caller holds the data folder's lock
 */
export function writeKeyFile(path: string, text: string): void {
    const draft = `${path}.new`;
    // One that is there, from a start that was killed, would keep its mode.
    rmSync(draft, { force: true });
    writeFileSync(draft, text, { mode: 0o600, flag: "wx", flush: true });
    renameSync(draft, path);
    const folder = openSync(dirname(path), "r");
    try {
        fsyncSync(folder);
    } finally {
        closeSync(folder);
    }
}
