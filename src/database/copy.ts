import { closeSync, openSync } from "node:fs";
import { backup, DatabaseSync } from "node:sqlite";
import { explain } from "./sqlite-error.ts";

/** Pages in one go of the thread that copies. */
const pagesAtOnce = 256;

/**
 * Copies a database that this process may be writing to: as it is at one instant, without holding up its writer. On a
 * connection of its own, whose open transaction keeps that instant in view: a copy that meets later changes would begin
 * again and again.
 * @param to a file that does not exist; its owner's alone
 * @throws Failure disk_full, disk_fault, store_corrupt or data_dir_unusable; what is at `to` then is worth nothing
 */
export async function copyDatabase(path: string, to: string): Promise<void> {
    closeSync(openSync(to, "wx", 0o600));
    let sql: DatabaseSync | undefined;
    try {
        sql = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
        sql.exec("BEGIN");
        sql.prepare("SELECT count(*) FROM sqlite_schema").get();
        await backup(sql, to, { rate: pagesAtOnce });
    } catch (error) {
        throw explain(error, path);
    } finally {
        if (sql?.isOpen === true) sql.close();
    }
}
