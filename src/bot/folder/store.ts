import { existsSync, statSync } from "node:fs";
import type { Settings } from "../../config/index.ts";
import { type Database, lockFolder, openDatabase } from "../../database/index.ts";
import { Failure } from "../../failures/index.ts";
import { CommitMark } from "./commit-mark.ts";
import { createDataFolder, type DataFolder, dataFolder, loadStoreKey } from "./data-folder.ts";
import { restorePath } from "./restore-folder.ts";
import { schemas } from "./schemas.ts";
import { removeCopies } from "./take-snapshot.ts";

/** The data folder, taken for this process alone, with the bot's database open. */
export interface Store {
    readonly folder: DataFolder;
    /** Every transaction of it carries the mark. */
    readonly database: Database;
    readonly mark: CommitMark;
    /** 32 bytes. */
    readonly storeKey: Uint8Array;
    close(): void;
}

/**
 * @throws Failure if the folder cannot be used, is used by another process, or its database does not open; nothing is
 * changed then
 */
export function openStore(settings: Pick<Settings, "data_dir" | "store_key">): Store {
    const folder = dataFolder(settings.data_dir);
    createDataFolder(folder);
    const lock = lockFolder(folder.path);
    try {
        removeCopies(folder);
        if (existsSync(restorePath(folder))) throw new Failure("restore_unfinished", { path: folder.path });
        const storeExists = existsSync(folder.database) || existsSync(folder.cryptoStore);
        const storeKey = loadStoreKey(folder, settings.store_key, storeExists);
        refuseRemains(folder);
        const database = openDatabase({ path: folder.database, schemas });
        const mark = new CommitMark(database);
        const marked = mark.carriedBy(database);
        return {
            folder,
            database: marked,
            mark,
            storeKey,
            close() {
                carryLast(marked);
                database.close();
                lock.release();
            },
        };
    } catch (error) {
        lock.release();
        throw error;
    }
}

/** What the crypto store committed since the last transaction; its part has stopped before. */
function carryLast(marked: Database): void {
    try {
        marked.transaction(() => undefined);
    } catch {
        // On a disk that is full or failing what is not on record is not missed later.
    }
}

/**
 * The database is made first. Without it the bot would log in as another device, to which the crypto store does not
 * belong.
 */
function refuseRemains({ database, cryptoStore }: DataFolder): void {
    const size = statSync(database, { throwIfNoEntry: false })?.size ?? 0;
    if (size > 0 || !existsSync(cryptoStore)) return;
    throw new Failure("store_corrupt", {
        path: database,
        detail: "it is empty or missing, and crypto.sqlite is there",
    });
}
