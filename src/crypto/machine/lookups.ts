import type { IndexedDB } from "../../indexeddb/index.ts";

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
export async function watchLookups({ IDBObjectStore }: Classes, work: () => Promise<unknown>): Promise<readonly Lookup[]> {
    const lookups: Lookup[] = [];
    const get = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, "get");
    const original: unknown = get?.value;
    if (get === undefined || typeof original !== "function") throw new Error("An object store has no get.");
    Object.defineProperty(IDBObjectStore.prototype, "get", {
        ...get,
        value(this: ObjectStore, key: unknown): unknown {
            if (typeof key === "string") lookups.push({ database: this.transaction.db, store: this.name, parts: key.split(separator) });
            return Reflect.apply(original, this, [key]);
        },
    });
    try {
        await work();
        return lookups;
    } finally {
        Object.defineProperty(IDBObjectStore.prototype, "get", get);
    }
}

/** Deletes the record that was looked up; where its key has several parts, every record whose key begins with the same one. */
export async function deleteLookedUp({ IDBKeyRange }: Classes, { database, store, parts }: Lookup): Promise<void> {
    const [first = ""] = parts;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const transaction = database.transaction([store], "readwrite");
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("Records could not be deleted."));
    const range = IDBKeyRange.bound(`${first}${separator}`, `${first}${separator}\uffff`);
    transaction.objectStore(store).delete(parts.length === 1 ? first : range);
    await promise;
}
