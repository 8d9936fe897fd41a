import type { DatabaseSync } from "node:sqlite";
import type { IndexMeta, StoreMeta } from "./catalog.ts";
import { fault, storeErrorOf } from "./errors.ts";
import { indexKeys } from "./keypath.ts";
import { after, everything, type Span } from "./range.ts";
import { Statements } from "./statements.ts";
import { type Entry, Tail, type Unfiled } from "./tail.ts";
import { checksum, deserialize } from "./value.ts";

/** Where a list of records is read: a store or one of its indexes. */
export interface Source {
    readonly kind: "store" | "index";
    readonly id: number;
    readonly store: StoreMeta;
}

/** A stored value; `sum` is its checksum. */
interface Value {
    readonly record: number;
    readonly bytes: Uint8Array;
    readonly sum: number;
}

/** A value and its place in a source; `key` is (index key, primary key) in an index. */
export interface Row extends Value {
    readonly key: Uint8Array;
}

/**
 * Filing 100 records costs some 400 pages, as keys are mostly random, and 4000 at once hardly more: so a commit files
 * what is `few`, leaves more for later, and files at `many`. Meanwhile they are found by their keys in memory.
 */
export interface Filing {
    readonly few: number;
    readonly many: number;
}

export const usualFiling: Filing = { few: 64, many: 4096 };

const unlimited = -1;
/** So many rows are in memory at a time where all of a store is gone through. */
const piece = 200;

/** Records and what leads to them: nothing here knows of transactions or events. */
export class Records {
    readonly #sql: DatabaseSync;
    readonly #statements: Statements;
    readonly #filing: Filing;
    readonly #tail = new Tail();
    #lastId = 0;
    #lastFiled = 0;
    /** What is filed now will be unfiled again. */
    #provisional = false;

    constructor(sql: DatabaseSync, filing: Filing) {
        this.#sql = sql;
        this.#statements = new Statements(sql);
        this.#filing = filing;
    }

    /** After opening and after every rollback: finds out which records are not filed. */
    reload(stores: Iterable<StoreMeta>): void {
        this.#tail.clear();
        const state = this.#statements.get("last filed").get();
        this.#lastFiled = Number(state?.["last_filed"]);
        this.#lastId = Math.max(this.#lastFiled, Number(state?.["last"] ?? 0));
        if (this.#lastId === this.#lastFiled) return;
        const byId = new Map([...stores].map((store) => [store.id, store]));
        for (const row of this.#statements.get("unfiled").all(this.#lastFiled)) {
            const store = byId.get(Number(row["store"]));
            if (store) this.#tail.set(store.id, blob(row["key"]), unfiledOf(store, blob(row["key"]), valueRow(row)));
        }
    }

    /** The last thing in a transaction. */
    beforeCommit(): void {
        if (this.#tail.size <= this.#filing.few) this.settle();
    }

    /** Files what is unfiled, all or nothing, in a transaction of its own if none runs. */
    settle(): void {
        if (this.#tail.size === 0 && this.#lastId - this.#lastFiled < this.#filing.many) return;
        const inner = this.#sql.isTransaction;
        this.#sql.exec(inner ? "SAVEPOINT filing" : "BEGIN IMMEDIATE");
        try {
            this.#file();
            this.#statements.get("set last filed").run(this.#lastId);
            this.#sql.exec(inner ? "RELEASE filing" : "COMMIT");
        } catch (error) {
            if (this.#sql.isTransaction) this.#sql.exec(inner ? "ROLLBACK TO filing; RELEASE filing" : "ROLLBACK");
            throw error;
        }
        this.#lastFiled = this.#lastId;
        this.#tail.clear();
    }

    /** Reads while all records are filed: for the length of this reading only, if the disk is full. */
    whole<T>(read: () => T): T {
        if (this.#provisional) return read();
        try {
            this.settle();
        } catch (error) {
            if (storeErrorOf(error)?.reason !== "disk_full") throw error;
            return this.#undone(() => {
                this.#file();
                return read();
            });
        }
        return read();
    }

    find(store: StoreMeta, key: Uint8Array): Value | undefined {
        const unfiled = this.#tail.get(store.id, key);
        const row = unfiled
            ? this.#statements.get("read record").get(unfiled.record)
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
        const unfiled = this.#tail.get(store.id, key);
        const record = unfiled?.record ?? this.#statements.get("find entry").get(store.id, key)?.["record"];
        if (record !== undefined && !overwrite) throw fault("ConstraintError", "A record with this key exists already.");
        const entries = entriesOf(store, key, store.live.length > 0 ? deserialize(bytes) : undefined);
        for (const index of store.live) if (index.unique) this.#checkUnique(store, index, entries, key);
        if (record === undefined) return this.#insert(store, key, bytes, entries);
        const stale = unfiled || store.live.length === 0 ? entries : this.#entriesOfStored(store, key);
        this.#statements.get("update record").run(bytes, checksum(bytes), record);
        if (unfiled) return this.#tail.set(store.id, key, { record: unfiled.record, entries });
        for (const entry of stale) if (!entries.some((other) => same(entry, other))) this.#deleteEntry(entry);
        for (const entry of entries) if (!stale.some((other) => same(entry, other))) this.#insertEntry(entry, Number(record));
    }

    delete(store: StoreMeta, { low, high, only }: Span): void {
        if (only) return this.#deleteOne(store, only);
        for (const row of this.iterate(store, { low, high })) this.#deleteRow(store, row);
    }

    clear(store: StoreMeta): void {
        if (this.#tail.has(store.id)) this.settle();
        this.#statements.get("clear records").run(store.id);
        for (const id of [store.id, ...store.live.map((index) => index.id)]) this.#statements.get("clear entries").run(id);
    }

    clearIndex(store: StoreMeta, index: IndexMeta): void {
        if (this.#tail.has(store.id)) this.settle();
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
        const record = ++this.#lastId;
        this.#statements.get("insert record").run(record, store.id, key, bytes, checksum(bytes));
        // A unique index must be complete whenever it is asked.
        if (store.live.some((index) => index.unique)) for (const entry of entries) this.#insertEntry(entry, record);
        else this.#tail.set(store.id, key, { record, entries });
        if (this.#tail.size >= this.#filing.many) this.settle();
    }

    #deleteOne(store: StoreMeta, key: Uint8Array): void {
        const unfiled = this.#tail.get(store.id, key);
        if (unfiled) {
            this.#statements.get("delete record").run(unfiled.record);
            return this.#tail.delete(store.id, key);
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
        return this.#tail.has(store.id) ? this.whole(read) : read();
    }

    #undone<T>(read: () => T): T {
        // Releasing an outermost savepoint commits, even after ROLLBACK TO, and there is no room for that.
        const inner = this.#sql.isTransaction;
        this.#sql.exec(inner ? "SAVEPOINT reading" : "BEGIN");
        this.#provisional = true;
        try {
            return read();
        } finally {
            this.#provisional = false;
            if (this.#sql.isTransaction) this.#sql.exec(inner ? "ROLLBACK TO reading; RELEASE reading" : "ROLLBACK");
        }
    }

    #file(): void {
        for (const [entry, record] of this.#tail.sorted()) this.#insertEntry(entry, record);
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

/** The stored value; throws if its checksum does not fit. */
export function valueOf({ bytes, sum }: Value): unknown {
    if (checksum(bytes) !== sum) throw fault("UnknownError", "A stored value is damaged: its checksum does not fit.");
    return deserialize(bytes);
}

/** All entries of a record: in its store, and in each index that takes it. */
export function entriesOf(store: StoreMeta, key: Uint8Array, value: unknown): Entry[] {
    const entries: Entry[] = [{ index: store.id, key }];
    for (const index of store.live) entries.push(...entriesIn(index, key, value));
    return entries;
}

function entriesIn(index: IndexMeta, key: Uint8Array, value: unknown): Entry[] {
    const keys = indexKeys(value, index.keyPath, index.multiEntry);
    return keys.map((part) => ({ index: index.id, key: Buffer.concat([part, key]) }));
}

function same(a: Entry, b: Entry): boolean {
    return a.index === b.index && Buffer.compare(a.key, b.key) === 0;
}

// A damaged value is at least found by its key, and then reported.
function unfiledOf(store: StoreMeta, key: Uint8Array, value: Value): Unfiled {
    const primary = { index: store.id, key };
    const intact = checksum(value.bytes) === value.sum;
    return { record: value.record, entries: intact ? entriesOf(store, key, valueOf(value)) : [primary] };
}

function valueRow(row: Record<string, unknown>): Value {
    return { record: Number(row["id"]), bytes: blob(row["value"]), sum: Number(row["sum"]) };
}

function rowOf(row: Record<string, unknown>): Row {
    return { key: blob(row["key"]), record: Number(row["record"]), bytes: blob(row["value"]), sum: Number(row["sum"]) };
}

function blob(value: unknown): Uint8Array {
    if (value instanceof Uint8Array) return value;
    throw fault("UnknownError", "A stored record is damaged: a column is not binary.");
}
