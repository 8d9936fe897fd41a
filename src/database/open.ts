import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { Failure, isFullDisk } from "../failures/index.ts";
import { Connection } from "./connection.ts";
import type { Database, Schema } from "./database.ts";
import { keepCopy } from "./keep-copy.ts";
import { closeUnharmed } from "./log-index.ts";
import { assertCurrent, isOutdated, migrate } from "./migrate.ts";
import { textOf } from "./row.ts";
import { explain, isInaccessible } from "./sqlite-error.ts";
import { transactionsOn } from "./transaction.ts";

/** How long a statement waits for a lock of another connection, in milliseconds. */
const busyTimeout = 5000;

/** Stores up to this size are checked whole at every opening (about 0.7 ms a megabyte). */
const wholeCheckBytes = 64 * 1024 * 1024;

const inMemory = ":memory:";

export interface OpenOptions {
    /** The database file. Its folder has to exist. `:memory:` is one that is never on disk. */
    readonly path: string;
    readonly schemas: readonly Schema[];
    /**
     * For `status`: nothing is written or migrated, and a running bot is not disturbed.
     * Before the first start, when there is no file yet, the answer is an empty database.
     */
    readonly readOnly?: boolean;
}

/**
 * Opens the bot's database and brings every feature's tables to today's version, all steps in one transaction, after a
 * copy was kept.
 * @throws Failure store_too_new, store_too_old (read-only), store_corrupt, store_locked, disk_full, upgrade_needs_room,
 * disk_fault or data_dir_unusable; the file is as it was then
 */
export function openDatabase({ path, schemas, readOnly = false }: OpenOptions): Database {
    try {
        const sql = readOnly ? openForReading(path, schemas) : openForWriting(path, schemas);
        const close = readOnly || path === inMemory ? () => sql.close() : () => closeUnharmed(sql, path);
        return { sql, transaction: transactionsOn(sql, path), close };
    } catch (error) {
        throw explain(error, path);
    }
}

function openForWriting(path: string, schemas: readonly Schema[]): DatabaseSync {
    if (path === inMemory) return openEmpty(path, schemas);
    createPrivately(path);
    return closedOnError(new Connection(path, { timeout: busyTimeout, enableForeignKeyConstraints: true }), (sql) => {
        // What is deleted is overwritten: keys that were forgotten must not be found in free places of the file.
        sql.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
        check(sql, path);
        if (isOutdated(sql, path, schemas)) keepCopy(sql, path);
        migrate(sql, path, schemas);
    });
}

function openForReading(path: string, schemas: readonly Schema[]): DatabaseSync {
    if (!existsSync(path) || statSync(path).size === 0) return openEmpty(path, schemas);
    return closedOnError(connectForReading(path), (sql) => assertCurrent(sql, path, schemas));
}

/**
 * SQLite keeps its index of the write-ahead log in a file beside the database, also for readers. Where the folder is
 * read-only and nobody has left one, there is no log either, and the file can be read as one that never changes.
 */
function connectForReading(path: string): DatabaseSync {
    const options = { readOnly: true, timeout: busyTimeout };
    const sql = new DatabaseSync(path, options);
    try {
        sql.prepare("SELECT count(*) FROM sqlite_schema").get();
        return sql;
    } catch (error) {
        sql.close();
        if (!isInaccessible(error) || existsSync(`${path}-wal`)) throw error;
        const url = pathToFileURL(path);
        url.searchParams.set("immutable", "1");
        return new DatabaseSync(url, options);
    }
}

function openEmpty(path: string, schemas: readonly Schema[]): DatabaseSync {
    return closedOnError(new Connection(inMemory), (sql) => migrate(sql, path, schemas));
}

/** Makes the file readable for its owner alone: SQLite gives its log and index the same mode. */
function createPrivately(path: string): void {
    try {
        closeSync(openSync(path, "a", 0o600));
    } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        throw isFullDisk(error)
            ? new Failure("disk_full", { path }, { cause: error })
            : new Failure("data_dir_unusable", { path, detail }, { cause: error });
    }
}

function check(sql: DatabaseSync, path: string): void {
    if (statSync(path).size > wholeCheckBytes) return;
    const finding = textOf(sql.prepare("PRAGMA quick_check(1)").get(), "quick_check");
    if (finding !== "ok") throw new Failure("store_corrupt", { path, detail: finding });
}

function closedOnError(sql: DatabaseSync, prepare: (sql: DatabaseSync) => void): DatabaseSync {
    try {
        prepare(sql);
        return sql;
    } catch (error) {
        sql.close();
        throw error;
    }
}
