import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createIndexedDB, type IndexedDB } from "../index.ts";

export type Database = InstanceType<IndexedDB["IDBDatabase"]>;
export type Transaction = InstanceType<IndexedDB["IDBTransaction"]>;
export type Store = InstanceType<IndexedDB["IDBObjectStore"]>;
export type Request = InstanceType<IndexedDB["IDBRequest"]>;
export type Cursor = InstanceType<IndexedDB["IDBCursorWithValue"]>;
type Upgrade = (db: Database, transaction: Transaction, oldVersion: number) => void;

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), "indexeddb-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
}

/** A store in a file of its own, closed after the test. */
export function openStore(path = join(temporaryFolder(), "store.sqlite")): IndexedDB {
    const store = createIndexedDB({ path });
    onTestFinished(() => store.close());
    return store;
}

/** What `request` comes to; rejects with its error. */
export function done<T = unknown>(request: Request): Promise<T> {
    return new Promise((resolve, reject) => {
        request.addEventListener("success", () => resolve(request.result as T));
        request.addEventListener("error", (event) => {
            event.preventDefault();
            reject(request.error ?? new Error("failed without an error"));
        });
    });
}

/** How the transaction ended: "complete", or the name of its error ("abort" if it has none). */
export function ended(transaction: Transaction): Promise<string> {
    return new Promise((resolve) => {
        transaction.addEventListener("complete", () => resolve("complete"));
        transaction.addEventListener("abort", () => resolve(transaction.error?.name ?? "abort"));
    });
}

export function openDatabase(
    store: IndexedDB,
    upgrade: Upgrade = () => undefined,
    version?: number,
    name = "db",
): Promise<Database> {
    return new Promise((resolve, reject) => {
        const request = store.indexedDB.open(name, version);
        request.addEventListener("upgradeneeded", (event) => {
            const oldVersion = "oldVersion" in event ? Number(event.oldVersion) : -1;
            upgrade(request.result as Database, request.transaction as Transaction, oldVersion);
        });
        request.addEventListener("success", () => resolve(request.result as Database));
        request.addEventListener("error", () => reject(request.error ?? new Error("failed without an error")));
    });
}

/** A database with one store "s", made with these options and filled with these [value, key] pairs. */
export async function withStore(
    options: object,
    records: [unknown, unknown?][] = [],
    upgrade: (store: Store) => void = () => undefined,
) {
    const store = openStore();
    const db = await openDatabase(store, (fresh) => {
        const made = fresh.createObjectStore("s", options);
        for (const [value, key] of records) made.put(value, key);
        upgrade(made);
    });
    const write = (): Store => db.transaction("s", "readwrite").objectStore("s");
    const read = (): Store => db.transaction("s").objectStore("s");
    return { store, db, write, read };
}

/** The places at which a cursor comes by, moved by `step`. */
export function walk<T>(
    request: Request,
    visit: (cursor: Cursor) => T,
    step: (cursor: Cursor) => void = (cursor) => cursor.continue(),
): Promise<T[]> {
    const seen: T[] = [];
    return new Promise((resolve, reject) => {
        request.onsuccess = () => {
            const cursor = request.result as Cursor | null;
            if (cursor === null) return resolve(seen);
            seen.push(visit(cursor));
            try {
                step(cursor);
            } catch (error) {
                reject(error instanceof Error ? error : new Error(String(error)));
            }
        };
    });
}

/** The name of the DOMException that the action throws. */
export function nameOfThrown(action: () => unknown): string {
    try {
        action();
        return "nothing";
    } catch (error) {
        return error instanceof Error ? error.name : String(error);
    }
}

/** Whatever is scheduled now has run when it resolves. */
export function nextTask(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
}
