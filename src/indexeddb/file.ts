import { statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { keepCopy } from "./copy.ts";
import { StoreError, storeErrorOf } from "./errors.ts";

// "iDB1": what `PRAGMA application_id` says of a file of ours.
const applicationId = 0x69444231;

/** A change of the file's format: step n takes it from version n + 1 to n + 2. A released step is never edited. */
export type FormatUpgrade = (sql: DatabaseSync) => void;
const formatUpgrades: readonly FormatUpgrade[] = [];
/** What `schema` makes; step by step older files come to it. */
const formatVersion = 1 + formatUpgrades.length;

const schema = `
    CREATE TABLE idb_database (name TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE idb_store (
        id INTEGER PRIMARY KEY, database TEXT NOT NULL, name TEXT NOT NULL,
        key_path TEXT, auto_increment INTEGER NOT NULL, next_key REAL NOT NULL
    ) STRICT;
    CREATE TABLE idb_index (
        id INTEGER PRIMARY KEY, store INTEGER NOT NULL, name TEXT NOT NULL,
        key_path TEXT NOT NULL, is_unique INTEGER NOT NULL, multi_entry INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE idb_record (
        id INTEGER PRIMARY KEY, store INTEGER NOT NULL, key BLOB NOT NULL, sum INTEGER NOT NULL, value BLOB NOT NULL
    ) STRICT;
    -- Of a store (key) and of an index (index key, primary key); records above last_filed may still lack theirs.
    CREATE TABLE idb_entry (
        idx INTEGER NOT NULL, key BLOB NOT NULL, record INTEGER NOT NULL, PRIMARY KEY (idx, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE idb_state (last_filed INTEGER NOT NULL) STRICT;
    INSERT INTO idb_state VALUES (0);
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${formatVersion};
`;

/**
 * Opens the file, or makes it, and holds its lock for as long as it is open. One of an older format is upgraded, after
 * a copy was kept. Throws `StoreError`: locked, newer_version, corrupt, disk_full, unavailable; the file is as it was
 * then.
 */
export function openFile(
    path: string,
    upgrades = formatUpgrades,
): { readonly sql: DatabaseSync; readonly upgraded: boolean } {
    let sql: DatabaseSync | undefined;
    try {
        refuseRemains(path);
        sql = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false });
        const version = prepareFile(sql, path, 1 + upgrades.length);
        return { sql, upgraded: upgradeFormat(sql, path, upgrades.slice(version - 1), 1 + upgrades.length) };
    } catch (error) {
        if (sql?.isOpen) sql.close();
        throw (
            storeErrorOf(error) ??
            new StoreError("unavailable", `${path} cannot be opened: ${String(error)}`, { cause: error })
        );
    }
}

/** Answers the version of the file's format. */
function prepareFile(sql: DatabaseSync, path: string, knownVersion: number): number {
    // Before the first look into the file: the write-ahead log's index then lives in memory, and no second process gets
    // in.
    sql.exec(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA trusted_schema = OFF",
    );
    sql.exec("BEGIN IMMEDIATE");
    const [application, version] = [pragma(sql, "application_id"), pragma(sql, "user_version")];
    const fresh =
        application === 0 && version === 0 && sql.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
    if (fresh) {
        sql.exec(schema);
    } else if (application !== applicationId) {
        throw new StoreError("corrupt", `${path} is not a store of this program (application id ${application})`);
    } else if (version > knownVersion) {
        throw new StoreError(
            "newer_version",
            `${path} has format ${version}; this version reads up to ${knownVersion}`,
        );
    } else if (version < 1) {
        throw new StoreError("corrupt", `${path} has no format version`);
    }
    sql.exec("COMMIT");
    sql.exec("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; COMMIT");
    emptyLog(sql);
    sql.exec("PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864");
    checkLength(sql, path);
    return fresh ? formatVersion : version;
}

function upgradeFormat(sql: DatabaseSync, path: string, due: readonly FormatUpgrade[], version: number): boolean {
    if (due.length === 0) return false;
    keepCopy(sql, path);
    sql.exec("BEGIN IMMEDIATE");
    for (const upgrade of due) upgrade(sql);
    sql.exec(`PRAGMA user_version = ${version}; COMMIT`);
    return true;
}

/**
 * Moves what is in the log into the file. On a full disk that may not be possible, and it can be read from the log,
 * too.
 */
export function emptyLog(sql: DatabaseSync): void {
    try {
        sql.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
        if (storeErrorOf(error)?.reason !== "disk_full") throw error;
    }
}

/** See `createIndexedDB`. */
export function compactFile(sql: DatabaseSync, path: string): void {
    try {
        // What is large is put together in a file without a name. By itself SQLite makes it in /tmp, which a container
        // may not be able to write to.
        sql.exec(`PRAGMA temp_store_directory = '${dirname(path).replaceAll("'", "''")}'; VACUUM`);
        emptyLog(sql);
    } catch (error) {
        throw storeErrorOf(error) ?? error;
    }
}

// What SQLite would take for a new file: without its contents but with its log, or with less than the smallest page.
function refuseRemains(path: string): void {
    const size = sizeOf(path);
    if (size === 0 && sizeOf(`${path}-wal`) > 0) {
        throw new StoreError("corrupt", `${path} is empty or missing, but its write-ahead log is there`);
    }
    if (size > 0 && size < 512 && sizeOf(`${path}-journal`) === 0) {
        throw new StoreError("corrupt", `${path} has ${size} bytes only: it was cut off`);
    }
}

// By its name alone: opening and closing the file would free the locks that this process may hold on it.
function sizeOf(path: string): number {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function checkLength(sql: DatabaseSync, path: string): void {
    const size = sizeOf(path);
    const expected = pragma(sql, "page_count") * pragma(sql, "page_size");
    if (size < expected && sizeOf(`${path}-wal`) === 0) {
        throw new StoreError("corrupt", `${path} has ${size} bytes where ${expected} are expected: it was cut off`);
    }
}

function pragma(sql: DatabaseSync, name: string): number {
    return Number(Object.values(sql.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}
