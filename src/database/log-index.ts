import { utimesSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

// The index of the write-ahead log is memory that SQLite shares through a file (`-shm`). On a disk that became
// read-only meanwhile, a write to that memory is no error but SIGBUS, the end of the process without a word. Every
// other write fails first and is one, but for these two, for a commit that is in the log when the disk turns, and for
// the one that begins the log anew, about one in a thousand pages.

/** After a commit the next reader notes in the index how far it reads: done at once, nobody has to later. */
export function noteReader(sql: DatabaseSync): void {
    try {
        read(sql);
    } catch {
        // The commit was made: what cannot be read will be said to whoever needs it.
    }
}

/**
 * Whoever closes last moves the log into the file. Where that cannot be written, a reader is the last one, and leaves
 * the log as it is.
 */
export function closeUnharmed(sql: DatabaseSync, path: string): void {
    const reader = mayBeWritten(path) ? undefined : openReader(path);
    sql.close();
    reader?.close();
}

/**
 * Asked of the file system itself: one that has found an error in itself lets files be opened for writing still, by
 * their permissions.
 */
function mayBeWritten(path: string): boolean {
    const now = new Date();
    try {
        utimesSync(path, now, now);
        return true;
    } catch {
        return false;
    }
}

/** Undefined if the file is gone: there is nothing to be the reader of. */
function openReader(path: string): DatabaseSync | undefined {
    let reader: DatabaseSync | undefined;
    try {
        reader = new DatabaseSync(path, { readOnly: true });
        read(reader);
        return reader;
    } catch {
        if (reader?.isOpen === true) reader.close();
        return undefined;
    }
}

function read(sql: DatabaseSync): void {
    sql.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get();
}
