import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { fault, StoreError, storeErrorOf } from "./errors.ts";

/**
 * Writes the file as it is now to `path`, which does not exist or is empty. Throws `StoreError`: disk_full, corrupt,
 * unavailable.
 */
export function copyFile(sql: DatabaseSync, path: string): void {
    if (sql.isTransaction) throw fault("InvalidStateError", "A transaction is open.");
    try {
        sql.prepare("VACUUM INTO ?").run(path);
    } catch (error) {
        throw storeErrorOf(error) ?? error;
    }
}

/**
 * Keeps a copy of the file beside it, `PATH.before-upgrade`, for its owner alone, in place of the one before. It is
 * there whole, and on the disk, or the older one still is. Throws `StoreError`: disk_full, corrupt, unavailable.
 */
export function keepCopy(sql: DatabaseSync, path: string): void {
    const [copy, unfinished] = [`${path}.before-upgrade`, `${path}.before-upgrade.unfinished`];
    try {
        rmSync(unfinished, { force: true });
        closeSync(openSync(unfinished, "wx", 0o600));
        copyFile(sql, unfinished);
        sync(unfinished);
        renameSync(unfinished, copy);
        sync(dirname(path));
    } catch (error) {
        rmSync(unfinished, { force: true });
        throw asStoreError(error, copy);
    }
}

function sync(path: string): void {
    const file = openSync(path, "r");
    try {
        fsyncSync(file);
    } finally {
        closeSync(file);
    }
}

function asStoreError(error: unknown, path: string): unknown {
    if (error instanceof StoreError || !(error instanceof Error) || !("code" in error)) return error;
    const reason = error.code === "ENOSPC" || error.code === "EDQUOT" ? "disk_full" : "unavailable";
    return new StoreError(reason, `${path} cannot be written (${String(error.code)})`, { cause: error });
}
