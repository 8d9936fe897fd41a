import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Failure, isFullDisk } from "../failures/index.ts";
import { explain } from "./sqlite-error.ts";

/**
 * Before tables change their shape: keeps the file as it is beside itself, `PATH.before-upgrade`, for its owner alone,
 * in place of the copy before it. It is there whole, and on the disk, or the older one still is. (The crypto store does
 * the same, in `indexeddb/copy.ts`, which imports nothing of ours.)
 * @throws Failure upgrade_needs_room, disk_fault, store_corrupt, data_dir_unusable
 */
export function keepCopy(sql: DatabaseSync, path: string): void {
    const [copy, unfinished] = [`${path}.before-upgrade`, `${path}.before-upgrade.unfinished`];
    try {
        rmSync(unfinished, { force: true });
        closeSync(openSync(unfinished, "wx", 0o600));
        sql.prepare("VACUUM INTO ?").run(unfinished);
        sync(unfinished);
        renameSync(unfinished, copy);
        sync(dirname(path));
    } catch (error) {
        rmSync(unfinished, { force: true });
        throw isFullDisk(explain(error, path))
            ? new Failure("upgrade_needs_room", { path }, { cause: error })
            : explain(error, path);
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
