import type { IndexMeta, StoreMeta } from "./catalog.ts";
import { toDirection } from "./cursor.ts";
import type { KeyPath } from "./keypath.ts";
import type { IDBObjectStore } from "./objectstore.ts";
import type { IDBRequest } from "./request.ts";
import { Reader } from "./source.ts";
import type { Transaction } from "./transaction.ts";
import { renameIndex } from "./upgrade.ts";

/** Indexed Database API 3.0, section 4.6. */
export class IDBIndex {
    readonly objectStore: IDBObjectStore;
    readonly #transaction: Transaction;
    readonly #reader: Reader;
    readonly #store: StoreMeta;
    readonly #index: IndexMeta;

    constructor(objectStore: IDBObjectStore, transaction: Transaction, store: StoreMeta, index: IndexMeta) {
        this.objectStore = objectStore;
        this.#transaction = transaction;
        this.#store = store;
        this.#index = index;
        this.#reader = new Reader(transaction, this, store, index);
    }

    get name(): string {
        return this.#index.name;
    }

    set name(value: unknown) {
        this.#reader.requireExisting();
        renameIndex(this.#transaction, this.#store, this.#index, String(value));
    }

    get keyPath(): KeyPath {
        return this.#index.keyPath;
    }

    get unique(): boolean {
        return this.#index.unique;
    }

    get multiEntry(): boolean {
        return this.#index.multiEntry;
    }

    get(query: unknown): IDBRequest {
        return this.#reader.get(query);
    }

    getKey(query: unknown): IDBRequest {
        return this.#reader.getKey(query);
    }

    getAll(query?: unknown, count?: number): IDBRequest {
        return this.#reader.getAll(query, count);
    }

    getAllKeys(query?: unknown, count?: number): IDBRequest {
        return this.#reader.getAllKeys(query, count);
    }

    count(query?: unknown): IDBRequest {
        return this.#reader.count(query);
    }

    openCursor(query?: unknown, direction: unknown = "next"): IDBRequest {
        return this.#reader.openCursor(query, toDirection(direction), true);
    }

    openKeyCursor(query?: unknown, direction: unknown = "next"): IDBRequest {
        return this.#reader.openCursor(query, toDirection(direction), false);
    }
}
