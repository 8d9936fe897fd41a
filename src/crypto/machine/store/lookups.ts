import type { IndexedDB } from "../../../indexeddb/index.ts";

type ObjectStore = InstanceType<IndexedDB["IDBObjectStore"]>;
type Database = ObjectStore["transaction"]["db"];
type Classes = Pick<IndexedDB, "IDBObjectStore" | "IDBKeyRange">;

/** One `get` of the machine in its store. */
export interface Lookup {
    readonly database: Database;
    readonly store: string;
    /** The hashes that its key consists of. */
    readonly parts: readonly string[];
}

/** What the machine puts between the hashes in a key. */
const separator = "\u001d";

/** What is looked up by key while `work` runs. Nothing else may use the store meanwhile. */
export async function watchLookups(classes: Classes, work: () => Promise<unknown>): Promise<readonly Lookup[]> {
    return (await watch(classes, "get", 0, work)).lookups;
}

/** The same for what is written, and what `work` answers. */
export async function watchWrites<T>(
    classes: Classes,
    work: () => Promise<T>,
): Promise<{ readonly lookups: readonly Lookup[]; readonly value: T }> {
    return await watch(classes, "put", 1, work);
}

/** @param place of the key among the method's arguments */
async function watch<T>({ IDBObjectStore }: Classes, method: "get" | "put", place: number, work: () => Promise<T>) {
    const lookups: Lookup[] = [];
    const plain = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, method);
    const original: unknown = plain?.value;
    if (plain === undefined || typeof original !== "function") throw new Error(`An object store has no ${method}.`);
    Object.defineProperty(IDBObjectStore.prototype, method, {
        ...plain,
        value(this: ObjectStore, ...args: readonly unknown[]): unknown {
            const key = args[place];
            if (typeof key === "string")
                lookups.push({ database: this.transaction.db, store: this.name, parts: key.split(separator) });
            return Reflect.apply(original, this, args);
        },
    });
    try {
        return { value: await work(), lookups };
    } finally {
        Object.defineProperty(IDBObjectStore.prototype, method, plain);
    }
}

/**
 * Deletes the record that was looked up; where its key has several parts, every record whose key begins with the same
 * one.
 */
export async function deleteLookedUp(classes: Classes, lookup: Lookup): Promise<void> {
    const { parts } = lookup;
    await remove(lookup, parts.length === 1 ? parts[0] : besides(classes, parts));
}

/** Deletes one record. */
export async function deleteRecord(lookup: Lookup): Promise<void> {
    await remove(lookup, nameOf(lookup));
}

async function remove({ database, store }: Lookup, keys: unknown): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const transaction = database.transaction([store], "readwrite");
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("Records could not be deleted."));
    transaction.objectStore(store).delete(keys);
    await promise;
}

/** The records whose key begins with the same part. */
export async function besideOf(classes: Classes, { database, store, parts }: Lookup): Promise<readonly Lookup[]> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const request = database.transaction([store], "readonly").objectStore(store).getAllKeys(besides(classes, parts));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("Records could not be listed."));
    const keys = await promise;
    return (Array.isArray(keys) ? keys : []).map((key: unknown) => ({
        database,
        store,
        parts: String(key).split(separator),
    }));
}

/** The record's key in its store. */
export function nameOf({ parts }: Lookup): string {
    return parts.join(separator);
}

function besides({ IDBKeyRange }: Classes, [first = ""]: readonly string[]): unknown {
    return IDBKeyRange.bound(`${first}${separator}`, `${first}${separator}\uffff`);
}
