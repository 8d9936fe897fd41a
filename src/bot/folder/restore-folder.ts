import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeKeyFile } from "../../sealing/index.ts";
import type { DataFolder } from "./data-folder.ts";

const schema = z.object({ sha256: z.string(), madeAt: z.string(), oldDeviceId: z.string(), newDeviceId: z.string() });

/** What is left of a restore that is over. */
export const restoredName = "restored.part";

/** What a restore has to remember over a kill. */
export type Restoring = Readonly<z.infer<typeof schema>>;

/**
 * `restore.part` in the data folder: while it is there, the bot does not start.
 *
 *     restore.json  which snapshot, and the device that it becomes: written before anything is said to the homeserver
 *     old/          the snapshot's stores, of the old device
 *     new/          the new device's stores
 *     ready.json    the new device is whole, and the old one deleted: only the move is left
 */
export class RestoreFolder {
    readonly path: string;
    readonly old: string;
    readonly new: string;
    readonly #folder: DataFolder;

    constructor(folder: DataFolder) {
        this.#folder = folder;
        this.path = restorePath(folder);
        this.old = join(this.path, "old");
        this.new = join(this.path, "new");
    }

    begun(): Restoring | undefined {
        return this.#read("restore.json");
    }

    ready(): Restoring | undefined {
        return this.#read("ready.json");
    }

    /** An empty folder for work that counts only under its later name. */
    emptied(name: "incoming" | "making"): string {
        const path = join(this.path, name);
        rmSync(path, { recursive: true, force: true });
        mkdirSync(path, { recursive: true, mode: 0o700 });
        return path;
    }

    /** The unpacked snapshot is good. */
    begin(incoming: string, restoring: Restoring): void {
        rmSync(this.old, { recursive: true, force: true });
        // A power cut must not keep restore.json without what it speaks of.
        syncFolder(incoming);
        renameSync(incoming, this.old);
        syncFolder(this.#folder.path);
        this.#write("restore.json", restoring);
    }

    removeUnlessBegun(): void {
        if (this.begun() === undefined) rmSync(this.path, { recursive: true, force: true });
    }

    markReady(restoring: Restoring): void {
        this.#write("ready.json", restoring);
    }

    /** May be cut short and called again: what was moved is not there to be moved any more. */
    putInPlace(): void {
        const { cryptoStore, database, path } = this.#folder;
        for (const [name, place] of [
            ["crypto.sqlite", cryptoStore],
            ["backscroll.sqlite", database],
        ] as const) {
            // A log that its owner did not live to empty belongs to the file, and is there before it.
            for (const suffix of ["-wal", ""]) {
                const made = join(this.new, `${name}${suffix}`);
                if (existsSync(made)) renameSync(made, `${place}${suffix}`);
            }
        }
        syncFolder(path);
        // Renamed first: with half of it removed, neither the bot nor another restore would go on.
        const done = join(path, restoredName);
        rmSync(done, { recursive: true, force: true });
        renameSync(this.path, done);
        rmSync(done, { recursive: true, force: true });
    }

    #read(name: string): Restoring | undefined {
        const path = join(this.path, name);
        return existsSync(path) ? schema.parse(JSON.parse(readFileSync(path, "utf8"))) : undefined;
    }

    #write(name: string, restoring: Restoring): void {
        writeKeyFile(join(this.path, name), JSON.stringify(restoring));
    }
}

export function restorePath(folder: DataFolder): string {
    return join(folder.path, "restore.part");
}

function syncFolder(path: string): void {
    const folder = openSync(path, "r");
    try {
        fsyncSync(folder);
    } finally {
        closeSync(folder);
    }
}
