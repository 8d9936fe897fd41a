import type { IndexMeta, StoreMeta } from "./catalog.ts";
import { Cursor, type Direction } from "./cursor.ts";
import { fault } from "./errors.ts";
import type { IDBIndex } from "./indexes.ts";
import { decodeKey, decodePair } from "./key.ts";
import type { IDBObjectStore } from "./objectstore.ts";
import { IDBKeyRange } from "./range.ts";
import { valueOf } from "./entries.ts";
import type { Source } from "./records.ts";
import { Request, type IDBRequest } from "./request.ts";
import type { Transaction } from "./transaction.ts";

/** The reading half that object stores and indexes have in common. */
export class Reader {
    readonly transaction: Transaction;
    readonly facade: IDBObjectStore | IDBIndex;
    readonly source: Source;
    readonly store: StoreMeta;
    readonly #meta: StoreMeta | IndexMeta;

    constructor(
        transaction: Transaction,
        facade: IDBObjectStore | IDBIndex,
        store: StoreMeta,
        index: IndexMeta | null,
    ) {
        this.transaction = transaction;
        this.facade = facade;
        this.store = store;
        this.#meta = index ?? store;
        this.source = index ? { kind: "index", id: index.id, store } : { kind: "store", id: store.id, store };
    }

    /** Throws `InvalidStateError` if the store or index was deleted. */
    requireExisting(): void {
        if (this.#meta.deleted || this.store.deleted)
            throw fault("InvalidStateError", "The object store or index was deleted.");
    }

    requireReadable(): void {
        this.requireExisting();
        this.transaction.requireActive();
    }

    request(run: () => unknown): IDBRequest {
        return this.requestFrom(this.facade, run);
    }

    requestFrom(source: object, run: () => unknown): IDBRequest {
        const request = new Request(source, this.transaction);
        this.transaction.place(request, run);
        return request.facade;
    }

    get(query: unknown): IDBRequest {
        this.requireReadable();
        const span = IDBKeyRange.span(query, true);
        return this.request(() => {
            const single = this.source.kind === "store" && span.only;
            const row = single
                ? this.#records.find(this.store, single)
                : this.#records.first(this.source, span, "ascending");
            return row && valueOf(row);
        });
    }

    getKey(query: unknown): IDBRequest {
        this.requireReadable();
        const span = IDBKeyRange.span(query, true);
        return this.request(() => {
            const [key] = this.#records.keys(this.source, span, 1);
            return key && this.primaryKey(key);
        });
    }

    getAll(query: unknown, count: unknown): IDBRequest {
        refuseOptions(query);
        this.requireReadable();
        const span = IDBKeyRange.span(query, false);
        const limit = toLimit(count);
        return this.request(() => this.#records.rows(this.source, span, limit).map(valueOf));
    }

    getAllKeys(query: unknown, count: unknown): IDBRequest {
        refuseOptions(query);
        this.requireReadable();
        const span = IDBKeyRange.span(query, false);
        const limit = toLimit(count);
        return this.request(() => this.#records.keys(this.source, span, limit).map((key) => this.primaryKey(key)));
    }

    count(query: unknown): IDBRequest {
        this.requireReadable();
        const span = IDBKeyRange.span(query, false);
        return this.request(() => this.#records.count(this.source, span));
    }

    openCursor(query: unknown, direction: Direction, withValue: boolean): IDBRequest {
        this.requireReadable();
        const request = new Request(this.facade, this.transaction);
        const cursor = new Cursor(this, request, IDBKeyRange.span(query, false), direction, withValue);
        this.transaction.place(request, () => cursor.first());
        return request.facade;
    }

    primaryKey(key: Uint8Array): unknown {
        return this.source.kind === "store" ? decodeKey(key) : decodePair(key).primaryKey;
    }

    get #records(): Transaction["engine"]["records"] {
        return this.transaction.engine.records;
    }
}

// [EnforceRange] unsigned long; 0 is no limit.
function toLimit(value: unknown): number {
    if (value === undefined) return 0;
    const number = Math.trunc(Number(value));
    if (!(number >= 0 && number <= 0xffff_ffff)) throw new TypeError("The count is not a number from 0 to 4294967295.");
    return number;
}

// The options bag of newer drafts, with its directions.
function refuseOptions(query: unknown): void {
    if (typeof query !== "object" || query === null || query instanceof IDBKeyRange) return;
    if (Object.getPrototypeOf(query) === Object.prototype)
        throw fault("NotSupportedError", "getAll() with options is not covered by this IndexedDB.");
}
