import type { IndexMeta, StoreMeta } from "./catalog.ts";
import { StoreError } from "./errors.ts";
import { indexKeys } from "./keypath.ts";
import { checksum, deserialize } from "./value.ts";

/** What leads to a record: its place in its store or in one of its indexes. */
export interface Entry {
    readonly index: number;
    readonly key: Uint8Array;
}

/** A stored value; `sum` is its checksum. */
export interface Value {
    readonly record: number;
    readonly bytes: Uint8Array;
    readonly sum: number;
}

/** A value and its place in a source; `key` is (index key, primary key) in an index. */
export interface Row extends Value {
    readonly key: Uint8Array;
}

/** The stored value; throws `StoreError` if its checksum does not fit. */
export function valueOf({ bytes, sum }: Value): unknown {
    if (checksum(bytes) !== sum)
        throw new StoreError("corrupt", "A stored value is damaged: its checksum does not fit.");
    return deserialize(bytes);
}

/** All entries of a record: in its store, and in each index that takes it. */
export function entriesOf(store: StoreMeta, key: Uint8Array, value: unknown): Entry[] {
    const entries: Entry[] = [{ index: store.id, key }];
    for (const index of store.live) entries.push(...entriesIn(index, key, value));
    return entries;
}

/** The entries of a record in one index: none, one, or with `multiEntry` many. */
export function entriesIn(index: IndexMeta, key: Uint8Array, value: unknown): Entry[] {
    const keys = indexKeys(value, index.keyPath, index.multiEntry);
    return keys.map((part) => ({ index: index.id, key: Buffer.concat([part, key]) }));
}

export function sameEntry(a: Entry, b: Entry): boolean {
    return a.index === b.index && Buffer.compare(a.key, b.key) === 0;
}

export function valueRow(row: Record<string, unknown>): Value {
    return { record: Number(row["id"]), bytes: blob(row["value"]), sum: Number(row["sum"]) };
}

export function rowOf(row: Record<string, unknown>): Row {
    return { key: blob(row["key"]), record: Number(row["record"]), bytes: blob(row["value"]), sum: Number(row["sum"]) };
}

export function blob(value: unknown): Uint8Array {
    if (value instanceof Uint8Array) return value;
    throw new StoreError("corrupt", "A stored record is damaged: a column is not binary.");
}
