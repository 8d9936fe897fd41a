import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Failure } from "../failures/index.ts";
import { explain, isBusy } from "./sqlite-error.ts";

const fileName = "lock";

export interface FolderLock {
    /** Frees the folder. Calling it again does nothing. */
    release(): void;
}

/**
 * Takes the data folder for this process alone. The operating system frees it when the process ends, however it ends:
 * the lock is one that SQLite takes on a file of its own in the folder, which stays there empty.
 * @param path the folder, which has to exist
 * @throws Failure store_locked if another process has it, data_dir_unusable if the folder cannot be written
 */
export function lockFolder(path: string): FolderLock {
    const sql = connect(path);
    try {
        // No journal on disk: nothing is ever written, so that the disk may be full.
        sql.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;");
    } catch (error) {
        sql.close();
        throw isBusy(error) ? new Failure("store_locked", { path }, { cause: error }) : explain(error, path);
    }
    return {
        release() {
            if (sql.isOpen) sql.close();
        },
    };
}

function connect(path: string): DatabaseSync {
    try {
        return new DatabaseSync(join(path, fileName));
    } catch (error) {
        throw explain(error, path);
    }
}
