import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { IndexMeta, StoreMeta } from "./catalog.ts";
import { fault } from "./errors.ts";
import { indexKeys } from "./keypath.ts";
import { after, everything, type Span } from "./range.ts";
import { checksum, deserialize } from "./value.ts";

/** Where a list of records is read: a store or one of its indexes. */
export interface Source {
    readonly kind: "store" | "index";
    readonly id: number;
}

/** A position in a source and the primary key's record; `key` is (index key, primary key) for an index. */
export interface Row {
    readonly key: Uint8Array;
    readonly record: number;
    readonly bytes: Uint8Array;
    readonly sum: number;
}

const all = -1;

/** The SQL of records and index entries: nothing here knows of transactions or events. */
export class Records {
    readonly #sql: DatabaseSync;
    readonly #statements = new Map<string, StatementSync>();

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    first(source: Source, span: Span, direction: "ASC" | "DESC"): Row | undefined {
        const row = this.#prepare(rowsSql(source, direction)).get(source.id, span.low, span.high, 1);
        return row && rowOf(row);
    }

    rows(source: Source, span: Span, limit: number): Row[] {
        return this.#prepare(rowsSql(source, "ASC"))
            .all(source.id, span.low, span.high, limit || all)
            .map(rowOf);
    }

    keys(source: Source, span: Span, limit: number): Uint8Array[] {
        const table = source.kind === "store" ? "idb_record WHERE store" : "idb_entry WHERE idx";
        const sql = `SELECT key FROM ${table} = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?`;
        return this.#prepare(sql)
            .all(source.id, span.low, span.high, limit || all)
            .map((row) => blob(row["key"]));
    }

    count(source: Source, span: Span): number {
        const table = source.kind === "store" ? "idb_record WHERE store" : "idb_entry WHERE idx";
        const sql = `SELECT count(*) AS n FROM ${table} = ? AND key >= ? AND key < ?`;
        return Number(this.#prepare(sql).get(source.id, span.low, span.high)?.["n"]);
    }

    /** Stores the value; throws `ConstraintError`, having changed nothing. */
    put(store: StoreMeta, key: Uint8Array, bytes: Uint8Array, overwrite: boolean): void {
        const old = this.#prepare("SELECT id, key, sum, value, id AS record FROM idb_record WHERE store = ? AND key = ?").get(
            store.id,
            key,
        );
        if (old && !overwrite) throw fault("ConstraintError", "A record with this key exists already.");
        const plan = this.#plan(store, key, bytes, old && rowOf(old));
        const sum = checksum(bytes);
        let record = Number(old?.["id"]);
        if (old) {
            this.#run("UPDATE idb_record SET value = ?, sum = ? WHERE id = ?", bytes, sum, record);
        } else {
            const sql = "INSERT INTO idb_record (store, key, value, sum) VALUES (?, ?, ?, ?)";
            record = Number(this.#prepare(sql).run(store.id, key, bytes, sum).lastInsertRowid);
        }
        for (const [index, entry] of plan.remove) this.#run("DELETE FROM idb_entry WHERE idx = ? AND key = ?", index.id, entry);
        for (const [index, entry] of plan.insert) this.#insertEntry(index, entry, record);
    }

    delete(store: StoreMeta, span: Span): void {
        if (store.live.length > 0) {
            for (const row of this.rows({ kind: "store", id: store.id }, span, 0)) {
                for (const [index, entry] of entriesOf(store.live, row.key, valueOf(row))) {
                    this.#run("DELETE FROM idb_entry WHERE idx = ? AND key = ?", index.id, entry);
                }
            }
        }
        this.#run("DELETE FROM idb_record WHERE store = ? AND key >= ? AND key < ?", store.id, span.low, span.high);
    }

    clear(store: StoreMeta): void {
        for (const index of store.live) this.clearIndex(index);
        this.#run("DELETE FROM idb_record WHERE store = ?", store.id);
    }

    clearIndex(index: IndexMeta): void {
        this.#run("DELETE FROM idb_entry WHERE idx = ?", index.id);
    }

    /** Files all records of the store under a new index; throws `ConstraintError`. */
    populate(store: StoreMeta, index: IndexMeta): void {
        for (const row of this.iterate(store)) {
            for (const [, entry] of entriesOf([index], row.key, valueOf(row))) {
                if (index.unique) this.#checkUnique(index, entry, row.key);
                this.#insertEntry(index, entry, row.record);
            }
        }
    }

    /** All records of the store, read in pieces, so that memory stays flat. */
    *iterate(store: StoreMeta): Generator<Row> {
        const { low, high } = everything();
        for (let from = low; ;) {
            const rows = this.rows({ kind: "store", id: store.id }, { low: from, high }, 200);
            yield* rows;
            const last = rows.at(-1);
            if (last === undefined) return;
            from = after(last.key);
        }
    }

    hasEntry(index: IndexMeta, entry: Uint8Array, record: number): boolean {
        const row = this.#prepare("SELECT record FROM idb_entry WHERE idx = ? AND key = ?").get(index.id, entry);
        return row?.["record"] === record;
    }

    setNextKey(store: StoreMeta): void {
        this.#run("UPDATE idb_store SET next_key = ? WHERE id = ?", store.nextKey, store.id);
    }

    /** Which entries change when the value is stored, all constraints checked before anything is written. */
    #plan(store: StoreMeta, key: Uint8Array, bytes: Uint8Array, old: Row | undefined): Plan {
        if (store.live.length === 0) return { remove: [], insert: [] };
        const fresh = entriesOf(store.live, key, deserialize(bytes));
        const stale = old ? entriesOf(store.live, key, valueOf(old)) : [];
        const insert = fresh.filter((entry) => !stale.some((other) => same(entry, other)));
        const remove = stale.filter((entry) => !fresh.some((other) => same(entry, other)));
        for (const [index, entry] of insert) if (index.unique) this.#checkUnique(index, entry, key);
        return { insert, remove };
    }

    #checkUnique(index: IndexMeta, entry: Uint8Array, primaryKey: Uint8Array): void {
        const low = entry.subarray(0, entry.length - primaryKey.length);
        const other = this.keys({ kind: "index", id: index.id }, { low, high: after(low) }, 2);
        if (other.some((found) => Buffer.compare(found, entry) !== 0)) {
            throw fault("ConstraintError", `Another record has the same key in the unique index "${index.name}".`);
        }
    }

    #insertEntry(index: IndexMeta, entry: Uint8Array, record: number): void {
        this.#run("INSERT INTO idb_entry (idx, key, record) VALUES (?, ?, ?)", index.id, entry, record);
    }

    #run(sql: string, ...values: (string | number | Uint8Array)[]): void {
        this.#prepare(sql).run(...values);
    }

    #prepare(sql: string): StatementSync {
        const known = this.#statements.get(sql);
        if (known) return known;
        const statement = this.#sql.prepare(sql);
        this.#statements.set(sql, statement);
        return statement;
    }
}

type Entry = readonly [index: IndexMeta, key: Uint8Array];

interface Plan {
    readonly remove: Entry[];
    readonly insert: Entry[];
}

/** The value of a row; throws if its checksum does not fit. */
export function valueOf(row: Row): unknown {
    if (checksum(row.bytes) !== row.sum) throw fault("UnknownError", "A stored value is damaged: its checksum does not fit.");
    return deserialize(row.bytes);
}

/** The entries under which the indexes file a record. */
export function entriesOf(indexes: readonly IndexMeta[], key: Uint8Array, value: unknown): Entry[] {
    return indexes.flatMap((index) =>
        indexKeys(value, index.keyPath, index.multiEntry).map((part): Entry => [index, Buffer.concat([part, key])]),
    );
}

function same(a: Entry, b: Entry): boolean {
    return a[0] === b[0] && Buffer.compare(a[1], b[1]) === 0;
}

function rowsSql(source: Source, direction: "ASC" | "DESC"): string {
    const order = `ORDER BY 1 ${direction} LIMIT ?`;
    return source.kind === "store"
        ? `SELECT key, id AS record, value, sum FROM idb_record WHERE store = ? AND key >= ? AND key < ? ${order}`
        : `SELECT e.key, e.record, r.value, r.sum FROM idb_entry e JOIN idb_record r ON r.id = e.record
           WHERE e.idx = ? AND e.key >= ? AND e.key < ? ${order}`;
}

function rowOf(row: Record<string, unknown>): Row {
    return { key: blob(row["key"]), record: Number(row["record"]), bytes: blob(row["value"]), sum: Number(row["sum"]) };
}

function blob(value: unknown): Uint8Array {
    if (value instanceof Uint8Array) return value;
    throw fault("UnknownError", "A stored record is damaged: a column is not binary.");
}
