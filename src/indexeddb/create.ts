import type { DatabaseSync } from "node:sqlite";
import { checkInPieces, checkSample, fullCheck } from "./check.ts";
import { copyFile, keepCopy } from "./copy.ts";
import { IDBCursor, IDBCursorWithValue } from "./cursor.ts";
import { IDBDatabase } from "./database.ts";
import { Engine } from "./engine.ts";
import { storeErrorOf } from "./errors.ts";
import { IDBVersionChangeEvent } from "./events.ts";
import { Connections, IDBFactory } from "./factory.ts";
import { compactFile, openFile } from "./file.ts";
import { IDBIndex } from "./indexes.ts";
import { IDBObjectStore } from "./objectstore.ts";
import { IDBKeyRange } from "./range.ts";
import { type FilingLimits, usualLimits } from "./filing.ts";
import { IDBOpenDBRequest, IDBRequest } from "./request.ts";
import { IDBTransaction } from "./idbtransaction.ts";

const classes = {
    IDBCursor,
    IDBCursorWithValue,
    IDBDatabase,
    IDBFactory,
    IDBIndex,
    IDBKeyRange,
    IDBObjectStore,
    IDBOpenDBRequest,
    IDBRequest,
    IDBTransaction,
    IDBVersionChangeEvent,
} as const;

export type IndexedDB = typeof classes & {
    readonly indexedDB: IDBFactory;
    /** Puts `indexedDB` and the classes on the object (`globalThis`), so that code written for browsers finds them. */
    install(target: object): void;
    /**
     * Runs `fn` in one SQLite transaction that is on the disk when the promise resolves: `fn`'s own rows, through
     * `sql`, and every IndexedDB transaction made meanwhile, whose `complete` then only says that it is part of it. If
     * `fn` throws, everything is undone and the error thrown on. Does not nest (`InvalidStateError`); waits for a
     * writer that runs. `fn` must not end the transaction, and nothing that is not part of it may use `indexedDB` until
     * the promise settles.
     */
    atomically<T>(fn: (sql: DatabaseSync) => T | Promise<T>): Promise<T>;
    /** Reads the whole file and names what is damaged; nothing if all is well. Blocks: about 0.1 s for 10 MB. */
    check(): string[];
    /**
     * The same for a store that is in use: each step reads a piece, between transactions, and gives what is damaged
     * there.
     */
    checkInPieces(): Iterator<readonly string[], void>;
    /**
     * Writes the file anew without what was deleted, and empties the write-ahead log: bytes of deleted records are in
     * neither then. Needs free space of twice the file's size, and blocks: about 0.1 s for 10 MB. Throws `StoreError`.
     */
    compact(): void;
    /**
     * Writes the file as it is now, without its unused pages, to `path`, which does not exist or is empty. Blocks:
     * about 0.7 s for 100 MB. Throws `StoreError`, and `InvalidStateError` beside an open transaction.
     */
    copyTo(path: string): void;
    /**
     * Before the caller changes the shape of its own tables: keeps a copy of the file as `PATH.before-upgrade`, in
     * place of an older one. Throws as `copyTo` does, and has changed nothing then.
     */
    keepCopy(): void;
    /** Aborts what is unfinished and frees the file and its lock. */
    close(): void;
};

/** Opens or makes the file at `path` and locks it; throws `StoreError`. */
export function createIndexedDB({ path }: { path: string }): IndexedDB {
    return assemble(path, usualLimits);
}

/** `createIndexedDB` with another way of filing; for tests. */
export function assemble(path: string, limits: FilingLimits): IndexedDB {
    const { engine, upgraded } = openEngine(path, limits);
    const connections = new Connections(engine);
    const indexedDB = new IDBFactory(engine, connections);
    const undone = (): void => {
        engine.catalog.reload();
        engine.reload();
        for (const connection of connections.all()) {
            if (engine.catalog.get(connection.meta.name) !== connection.meta) connection.forceClose();
        }
    };
    return {
        ...classes,
        indexedDB,
        install: (target) => void Object.assign(target, classes, { indexedDB }),
        atomically: (fn) => engine.scheduler.atomically(fn, undone),
        check: () => fullCheck(engine.sql, engine.catalog, engine.records),
        checkInPieces: () => checkInPieces(engine.sql, engine.catalog, engine.records),
        compact: () => compactFile(engine.sql, path),
        copyTo: (target) => copyFile(engine.sql, target),
        keepCopy: () => {
            // The copy that was kept at the opening is older, and so the one to keep.
            if (!upgraded) keepCopy(engine.sql, path);
        },
        close: () => {
            for (const connection of connections.all()) connection.forceClose();
            engine.close();
        },
    };
}

/** What is damaged shows when the catalogue is read, too, and the file must not stay locked then. */
function openEngine(path: string, limits: FilingLimits): { readonly engine: Engine; readonly upgraded: boolean } {
    const { sql, upgraded } = openFile(path);
    try {
        const engine = new Engine(sql, limits);
        checkSample(sql, engine.records.filing);
        return { engine, upgraded };
    } catch (error) {
        sql.close();
        throw storeErrorOf(error) ?? error;
    }
}
