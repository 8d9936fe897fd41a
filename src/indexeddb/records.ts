import type { DatabaseSync } from "node:sqlite";
import type { IndexMeta, StoreMeta } from "./catalog.ts";
import {
    blob,
    entriesIn,
    entriesOf,
    type Entry,
    type Row,
    rowOf,
    sameEntry,
    type Value,
    valueOf,
    valueRow,
} from "./entries.ts";
import { fault } from "./errors.ts";
import { Filing, type FilingLimits } from "./filing.ts";
import { after, everything, type Span } from "./range.ts";
import { Statements } from "./statements.ts";
import { checksum, deserialize } from "./value.ts";

/** Where a list of records is read: a store or one of its indexes. */
export interface Source {
    readonly kind: "store" | "index";
    readonly id: number;
    readonly store: StoreMeta;
}

const unlimited = -1;
/** So many rows are in memory at a time where all of a store is gone through. */
const piece = 200;

/** Records and what leads to them: nothing here knows of transactions or events. */
export class Records {
    readonly filing: Filing;
    readonly #statements: Statements;

    constructor(sql: DatabaseSync, limits: FilingLimits) {
        this.#statements = new Statements(sql);
        this.filing = new Filing(sql, this.#statements, limits);
    }

    find(store: StoreMeta, key: Uint8Array): Value | undefined {
        const unfiled = this.filing.tail.get(store.id, key);
        const row =
            unfiled !== undefined
                ? this.#statements.get("read record").get(unfiled)
                : this.#statements.get("find record").get(store.id, key);
        return row && valueRow(row);
    }

    first(source: Source, { low, high }: Span, direction: "ascending" | "descending"): Row | undefined {
        const statement = this.#statements.get(`rows ${direction}`);
        const row = this.#complete(source.store, () => statement.get(source.id, low, high, 1));
        return row && rowOf(row);
    }

    rows(source: Source, { low, high }: Span, limit: number): Row[] {
        const statement = this.#statements.get("rows ascending");
        return this.#complete(source.store, () => statement.all(source.id, low, high, limit || unlimited)).map(rowOf);
    }

    keys(source: Source, { low, high }: Span, limit: number): Uint8Array[] {
        const statement = this.#statements.get("keys");
        const rows = this.#complete(source.store, () => statement.all(source.id, low, high, limit || unlimited));
        return rows.map((row) => blob(row["key"]));
    }

    count(source: Source, { low, high }: Span): number {
        const statement = this.#statements.get("count");
        return Number(this.#complete(source.store, () => statement.get(source.id, low, high))?.["n"]);
    }

    /** The records of the store, read in pieces, so that memory stays flat. */
    *iterate(store: StoreMeta, { low, high } = everything()): Generator<Row> {
        let from = low;
        for (;;) {
            const rows = this.rows({ kind: "store", id: store.id, store }, { low: from, high }, piece);
            yield* rows;
            const last = rows.at(-1);
            if (last === undefined) return;
            from = after(last.key);
        }
    }

    hasEntry({ index, key }: Entry, record: number): boolean {
        return this.#statements.get("find entry").get(index, key)?.["record"] === record;
    }

    /** Stores the value; throws `ConstraintError`, having changed nothing. */
    put(store: StoreMeta, key: Uint8Array, bytes: Uint8Array, overwrite: boolean): void {
        const unfiled = this.filing.tail.get(store.id, key);
        const record = unfiled ?? this.#statements.get("find entry").get(store.id, key)?.["record"];
        if (record !== undefined && !overwrite)
            throw fault("ConstraintError", "A record with this key exists already.");
        const entries = entriesOf(store, key, store.live.length > 0 ? deserialize(bytes) : undefined);
        for (const index of store.live) if (index.unique) this.#checkUnique(store, index, entries, key);
        if (record === undefined) return this.#insert(store, key, bytes, entries);
        const stale = unfiled !== undefined || store.live.length === 0 ? entries : this.#entriesOfStored(store, key);
        this.#statements.get("update record").run(bytes, checksum(bytes), record);
        if (unfiled !== undefined) return this.filing.postpone(store, key, unfiled, entries);
        for (const entry of stale) if (!entries.some((other) => sameEntry(entry, other))) this.#deleteEntry(entry);
        for (const entry of entries)
            if (!stale.some((other) => sameEntry(entry, other))) this.#insertEntry(entry, Number(record));
    }

    delete(store: StoreMeta, { low, high, only }: Span): void {
        if (only) return this.#deleteOne(store, only);
        for (const row of this.iterate(store, { low, high })) this.#deleteRow(store, row);
    }

    clear(store: StoreMeta): void {
        if (this.filing.tail.has(store.id)) this.filing.settle();
        this.#statements.get("clear records").run(store.id);
        for (const id of [store.id, ...store.live.map((index) => index.id)])
            this.#statements.get("clear entries").run(id);
    }

    clearIndex(store: StoreMeta, index: IndexMeta): void {
        if (this.filing.tail.has(store.id)) this.filing.settle();
        this.#statements.get("clear entries").run(index.id);
    }

    /** Files all records of the store under a new index; throws `ConstraintError`. */
    populate(store: StoreMeta, index: IndexMeta): void {
        for (const row of this.iterate(store)) {
            const entries = entriesIn(index, row.key, valueOf(row));
            if (index.unique) this.#checkUnique(store, index, entries, row.key);
            for (const entry of entries) this.#insertEntry(entry, row.record);
        }
    }

    setNextKey(store: StoreMeta): void {
        this.#statements.get("set next key").run(store.nextKey, store.id);
    }

    #insert(store: StoreMeta, key: Uint8Array, bytes: Uint8Array, entries: Entry[]): void {
        const record = this.filing.nextId();
        this.#statements.get("insert record").run(record, store.id, key, bytes, checksum(bytes));
        // A unique index must be complete whenever it is asked.
        if (store.live.some((index) => index.unique)) for (const entry of entries) this.#insertEntry(entry, record);
        else this.filing.postpone(store, key, record, entries);
    }

    #deleteOne(store: StoreMeta, key: Uint8Array): void {
        const unfiled = this.filing.tail.get(store.id, key);
        if (unfiled !== undefined) {
            this.#statements.get("delete record").run(unfiled);
            return this.filing.tail.delete(store.id, key);
        }
        const value = this.find(store, key);
        if (value) this.#deleteRow(store, { ...value, key });
    }

    #deleteRow(store: StoreMeta, row: Row): void {
        const value = store.live.length > 0 ? valueOf(row) : undefined;
        for (const entry of entriesOf(store, row.key, value)) this.#deleteEntry(entry);
        this.#statements.get("delete record").run(row.record);
    }

    #complete<T>(store: StoreMeta, read: () => T): T {
        return this.filing.tail.has(store.id) ? this.filing.whole(read) : read();
    }
    #entriesOfStored(store: StoreMeta, key: Uint8Array): Entry[] {
        const value = this.find(store, key);
        return value ? entriesOf(store, key, valueOf(value)) : [];
    }

    #checkUnique(store: StoreMeta, index: IndexMeta, entries: Entry[], primaryKey: Uint8Array): void {
        for (const { key } of entries.filter((entry) => entry.index === index.id)) {
            const low = key.subarray(0, key.length - primaryKey.length);
            const found = this.keys({ kind: "index", id: index.id, store }, { low, high: after(low) }, 2);
            if (found.some((other) => Buffer.compare(other, key) !== 0)) {
                throw fault("ConstraintError", `Another record has the same key in the unique index "${index.name}".`);
            }
        }
    }

    #insertEntry({ index, key }: Entry, record: number): void {
        this.#statements.get("insert entry").run(index, key, record);
    }

    #deleteEntry({ index, key }: Entry): void {
        this.#statements.get("delete entry").run(index, key);
    }
}
