import type { StoreMeta } from "./catalog.ts";
import { toDirection } from "./cursor.ts";
import { fault } from "./errors.ts";
import { IDBIndex } from "./indexes.ts";
import { parseKeyPath, type KeyPath } from "./keypath.ts";
import { DOMStringList } from "./names.ts";
import { IDBKeyRange } from "./range.ts";
import type { IDBRequest } from "./request.ts";
import { Reader } from "./source.ts";
import type { IDBTransaction } from "./idbtransaction.ts";
import type { Transaction } from "./transaction.ts";
import { createIndex, deleteIndex, renameStore } from "./upgrade.ts";
import { deleteRecords, Incoming } from "./write.ts";

/** Indexed Database API 3.0, section 4.5. */
export class IDBObjectStore {
    readonly #reader: Reader;
    readonly #store: StoreMeta;
    readonly #transaction: Transaction;
    readonly #indexes = new Map<object, IDBIndex>();

    constructor(transaction: Transaction, store: StoreMeta) {
        this.#transaction = transaction;
        this.#store = store;
        this.#reader = new Reader(transaction, this, store, null);
    }

    get name(): string {
        return this.#store.name;
    }

    set name(value: unknown) {
        this.#reader.requireExisting();
        renameStore(this.#transaction, this.#store, String(value));
    }

    get keyPath(): KeyPath | null {
        return this.#store.keyPath;
    }

    get autoIncrement(): boolean {
        return this.#store.autoIncrement;
    }

    get indexNames(): DOMStringList {
        return DOMStringList.sorted(this.#store.indexes.keys());
    }

    get transaction(): IDBTransaction {
        return this.#transaction.facade;
    }

    put(value: unknown, key?: unknown): IDBRequest {
        return this.#addOrPut(value, key, true);
    }

    add(value: unknown, key?: unknown): IDBRequest {
        return this.#addOrPut(value, key, false);
    }

    #addOrPut(value: unknown, key: unknown, overwrite: boolean): IDBRequest {
        this.#requireWritable();
        const incoming = this.#transaction.whileInactive(() => new Incoming(this.#store, value, key));
        return this.#reader.request(() => incoming.store(this.#transaction, overwrite));
    }

    delete(query: unknown): IDBRequest {
        this.#requireWritable();
        const span = IDBKeyRange.span(query, true);
        return this.#reader.request(() => deleteRecords(this.#transaction, this.#store, span));
    }

    clear(): IDBRequest {
        this.#requireWritable();
        return this.#reader.request(() => {
            this.#transaction.beginWriting();
            this.#transaction.engine.records.clear(this.#store);
        });
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

    index(name: unknown): IDBIndex {
        if (this.#store.deleted || this.#transaction.finished)
            throw fault("InvalidStateError", "The store or its transaction is gone.");
        const meta = this.#store.indexes.get(String(name));
        if (!meta) throw fault("NotFoundError", `The object store has no index "${String(name)}".`);
        const known = this.#indexes.get(meta);
        if (known) return known;
        const index = new IDBIndex(this, this.#transaction, this.#store, meta);
        this.#indexes.set(meta, index);
        return index;
    }

    createIndex(name: unknown, keyPath: unknown, options: { unique?: boolean; multiEntry?: boolean } = {}): IDBIndex {
        this.#requireUpgrade();
        if (this.#store.indexes.has(String(name)))
            throw fault("ConstraintError", `The index "${String(name)}" exists already.`);
        const path = parseKeyPath(keyPath);
        const [unique, multiEntry] = [Boolean(options.unique), Boolean(options.multiEntry)];
        if (multiEntry && Array.isArray(path))
            throw fault("InvalidAccessError", "multiEntry goes with a single key path only.");
        createIndex(this.#transaction, this.#store, { name: String(name), keyPath: path, unique, multiEntry });
        return this.index(name);
    }

    deleteIndex(name: unknown): void {
        this.#requireUpgrade();
        const meta = this.#store.indexes.get(String(name));
        if (!meta) throw fault("NotFoundError", `The object store has no index "${String(name)}".`);
        deleteIndex(this.#transaction, this.#store, meta);
    }

    #requireWritable(): void {
        this.#reader.requireExisting();
        this.#transaction.requireWritable();
    }

    #requireUpgrade(): void {
        if (this.#transaction.mode !== "versionchange")
            throw fault("InvalidStateError", "Indexes change during an upgrade only.");
        this.#reader.requireExisting();
        this.#transaction.requireActive();
    }
}
