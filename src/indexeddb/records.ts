import type { DatabaseSync } from "node:sqlite";
import type { IndexMeta, StoreMeta } from "./catalog.ts";
import { fault } from "./errors.ts";
import { indexKeys } from "./keypath.ts";
import { after, everything, type Span } from "./range.ts";
import { Statements } from "./statements.ts";
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

const unlimited = -1;
/** So many rows are in memory at a time where all of a store is gone through. */
const piece = 200;

/** Records and index entries: nothing here knows of transactions or events. */
export class Records {
    readonly #statements: Statements;

    constructor(sql: DatabaseSync) {
        this.#statements = new Statements(sql);
    }

    first({ kind, id }: Source, { low, high }: Span, direction: "ASC" | "DESC"): Row | undefined {
        const row = this.#statements.get(statementOf[kind][direction]).get(id, low, high, 1);
        return row && rowOf(row);
    }

    rows({ kind, id }: Source, { low, high }: Span, limit: number): Row[] {
        const statement = this.#statements.get(statementOf[kind].ASC);
        return statement.all(id, low, high, limit || unlimited).map(rowOf);
    }

    keys({ kind, id }: Source, { low, high }: Span, limit: number): Uint8Array[] {
        const statement = this.#statements.get(statementOf[kind].keys);
        return statement.all(id, low, high, limit || unlimited).map((row) => blob(row["key"]));
    }

    count({ kind, id }: Source, { low, high }: Span): number {
        return Number(this.#statements.get(statementOf[kind].count).get(id, low, high)?.["n"]);
    }

    /** Stores the value; throws `ConstraintError`, having changed nothing. */
    put(store: StoreMeta, key: Uint8Array, bytes: Uint8Array, overwrite: boolean): void {
        const fresh = store.live.length === 0 ? [] : entriesOf(store.live, key, deserialize(bytes));
        for (const [index, entry] of fresh) if (index.unique) this.#checkUnique(index, entry, key);
        const { changes, lastInsertRowid } = this.#statements.get("insert record").run(store.id, key, bytes, checksum(bytes));
        if (changes === 1) for (const [index, entry] of fresh) this.#insertEntry(index, entry, Number(lastInsertRowid));
        else if (overwrite) this.#replace(store, key, bytes, fresh);
        else throw fault("ConstraintError", "A record with this key exists already.");
    }

    #replace(store: StoreMeta, key: Uint8Array, bytes: Uint8Array, fresh: Entry[]): void {
        const indexed = store.live.length > 0;
        const found = this.#statements.get(indexed ? "find record" : "find id").get(store.id, key);
        const record = Number(found?.[indexed ? "record" : "id"]);
        const stale = found && indexed ? entriesOf(store.live, key, valueOf(rowOf(found))) : [];
        this.#statements.get("update record").run(bytes, checksum(bytes), record);
        for (const entry of stale) if (!fresh.some((other) => same(entry, other))) this.#deleteEntry(entry);
        for (const entry of fresh) if (!stale.some((other) => same(entry, other))) this.#insertEntry(entry[0], entry[1], record);
    }

    delete(store: StoreMeta, { low, high }: Span): void {
        for (const row of store.live.length > 0 ? this.iterate(store, { low, high }) : []) {
            for (const entry of entriesOf(store.live, row.key, valueOf(row))) this.#deleteEntry(entry);
        }
        this.#statements.get("delete records").run(store.id, low, high);
    }

    clear(store: StoreMeta): void {
        for (const index of store.live) this.clearIndex(index);
        this.#statements.get("clear records").run(store.id);
    }

    clearIndex(index: IndexMeta): void {
        this.#statements.get("clear entries").run(index.id);
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

    /** The records of the store, read in pieces, so that memory stays flat. */
    *iterate(store: StoreMeta, { low, high } = everything()): Generator<Row> {
        let from = low;
        for (;;) {
            const rows = this.rows({ kind: "store", id: store.id }, { low: from, high }, piece);
            yield* rows;
            const last = rows.at(-1);
            if (last === undefined) return;
            from = after(last.key);
        }
    }

    hasEntry(index: IndexMeta, entry: Uint8Array, record: number): boolean {
        return this.#statements.get("find entry").get(index.id, entry)?.["record"] === record;
    }

    setNextKey(store: StoreMeta): void {
        this.#statements.get("set next key").run(store.nextKey, store.id);
    }

    #checkUnique(index: IndexMeta, entry: Uint8Array, primaryKey: Uint8Array): void {
        const low = entry.subarray(0, entry.length - primaryKey.length);
        const other = this.keys({ kind: "index", id: index.id }, { low, high: after(low) }, 2);
        if (other.some((found) => Buffer.compare(found, entry) !== 0)) {
            throw fault("ConstraintError", `Another record has the same key in the unique index "${index.name}".`);
        }
    }

    #insertEntry(index: IndexMeta, entry: Uint8Array, record: number): void {
        this.#statements.get("insert entry").run(index.id, entry, record);
    }

    #deleteEntry([index, entry]: Entry): void {
        this.#statements.get("delete entry").run(index.id, entry);
    }
}

const statementOf = {
    store: { ASC: "store ASC", DESC: "store DESC", keys: "store keys", count: "store count" },
    index: { ASC: "index ASC", DESC: "index DESC", keys: "index keys", count: "index count" },
} as const;

type Entry = readonly [index: IndexMeta, key: Uint8Array];

/** The value of a row; throws if its checksum does not fit. */
export function valueOf(row: Row): unknown {
    if (checksum(row.bytes) !== row.sum) throw fault("UnknownError", "A stored value is damaged: its checksum does not fit.");
    return deserialize(row.bytes);
}

/** The entries under which the indexes file a record. */
export function entriesOf(indexes: readonly IndexMeta[], key: Uint8Array, value: unknown): Entry[] {
    const entries: Entry[] = [];
    for (const index of indexes) {
        for (const part of indexKeys(value, index.keyPath, index.multiEntry)) entries.push([index, Buffer.concat([part, key])]);
    }
    return entries;
}

function same(a: Entry, b: Entry): boolean {
    return a[0] === b[0] && Buffer.compare(a[1], b[1]) === 0;
}

function rowOf(row: Record<string, unknown>): Row {
    return { key: blob(row["key"]), record: Number(row["record"]), bytes: blob(row["value"]), sum: Number(row["sum"]) };
}

function blob(value: unknown): Uint8Array {
    if (value instanceof Uint8Array) return value;
    throw fault("UnknownError", "A stored record is damaged: a column is not binary.");
}
