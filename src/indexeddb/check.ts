import type { DatabaseSync } from "node:sqlite";
import type { Catalog, StoreMeta } from "./catalog.ts";
import { decodePair } from "./key.ts";
import { blob, entriesOf, type Entry, type Row, valueOf } from "./entries.ts";
import { after, everything } from "./range.ts";
import { StoreError } from "./errors.ts";
import type { Records } from "./records.ts";
import { checksum } from "./value.ts";

/** At most so many problems are named. */
const most = 20;
/** Records that are read at every opening. */
const sampled = 4;
/** Records that one step of a check in pieces reads. */
const piece = 200;

/**
 * Reads a few records from all over the file, when it is opened; throws `StoreError` if one is damaged or its store
 * does not lead to it.
 */
export function checkSample(
    sql: DatabaseSync,
    { lastId, lastFiled }: { readonly lastId: number; readonly lastFiled: number },
): void {
    const find = sql.prepare(`SELECT r.id, r.value, r.sum, e.record FROM idb_record r
        LEFT JOIN idb_entry e ON e.idx = r.store AND e.key = r.key WHERE r.id >= ? ORDER BY r.id LIMIT 1`);
    for (let n = 0; n < sampled; n++) {
        const row = find.get(1 + Math.floor((n * (lastId - 1)) / (sampled - 1)));
        if (row === undefined) return;
        const reachable = row["record"] === row["id"] || Number(row["id"]) > lastFiled;
        if (!reachable || checksum(blob(row["value"])) !== row["sum"]) {
            throw new StoreError("corrupt", `record ${String(row["id"])} is damaged`);
        }
    }
}

/** Reads the whole file: its structure, every value's checksum, and that indexes and records fit together. */
export function fullCheck(sql: DatabaseSync, catalog: Catalog, records: Records): string[] {
    const problems = sql
        .prepare(`PRAGMA integrity_check(${most})`)
        .all()
        .map((row) => String(row["integrity_check"]))
        .filter((line) => line !== "ok");
    if (problems.length > 0) return problems;
    return records.filing.whole(() => {
        const stores = catalog.stores();
        for (const store of stores) problems.push(...checkStore(store, records));
        problems.push(...strayRows(sql, stores));
        return problems.slice(0, most);
    });
}

/**
 * The same for a store that is in use, piece by piece: what others write between two pieces is no damage. Each step
 * reads for some milliseconds (the first ones read all of a table's structure, about 0.7 ms for a MB) and gives what it
 * found.
 */
export function* checkInPieces(
    sql: DatabaseSync,
    catalog: Catalog,
    records: Records,
): Generator<readonly string[], void> {
    const tables = sql.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    for (const { name } of tables) yield structureOf(sql, String(name));
    for (const store of catalog.stores()) yield* checkRecords(store, records);
    yield* checkEntries(sql);
}

function structureOf(sql: DatabaseSync, table: string): string[] {
    const rows = sql.prepare(`PRAGMA quick_check("${table.replaceAll('"', '""')}")`).all();
    return rows.map((row) => String(row["quick_check"])).filter((line) => line !== "ok");
}

function* checkRecords(store: StoreMeta, records: Records): Generator<readonly string[], void> {
    let from = everything().low;
    while (!store.deleted) {
        const rows = records.rows({ kind: "store", id: store.id, store }, { ...everything(), low: from }, piece);
        yield rows.flatMap((row) => checkRecord(store, records, row)).slice(0, most);
        const last = rows.at(-1);
        if (last === undefined) return;
        from = after(last.key);
    }
}

function checkRecord(
    store: StoreMeta,
    records: Records,
    row: Row,
    seen: (entry: Entry) => void = () => undefined,
): string[] {
    try {
        const entries = entriesOf(store, row.key, valueOf(row));
        entries.forEach(seen);
        const missing = entries.filter((entry) => !records.hasEntry(entry, row.record));
        return missing.map(() => `${store.name}: a record is missing in an index`);
    } catch (error) {
        return [`${store.name}: record ${row.record}: ${error instanceof Error ? error.message : String(error)}`];
    }
}

/** Entries that lead to no record, read in the order of their table. */
function* checkEntries(sql: DatabaseSync): Generator<readonly string[], void> {
    const statement = sql.prepare(`SELECT e.idx, e.key, r.id FROM
        (SELECT idx, key, record FROM idb_entry WHERE (idx, key) > (?, ?) ORDER BY idx, key LIMIT ${10 * piece}) e
        LEFT JOIN idb_record r ON r.id = e.record`);
    let [idx, key] = [-1, new Uint8Array()];
    for (;;) {
        const rows = statement.all(idx, key);
        const stray = rows.filter((row) => row["id"] === null).length;
        yield stray === 0 ? [] : [`${stray} entries lead to no record`];
        const last = rows.at(-1);
        if (last === undefined) return;
        [idx, key] = [Number(last["idx"]), Uint8Array.from(blob(last["key"]))];
    }
}

function checkStore(store: StoreMeta, records: Records): string[] {
    const problems: string[] = [];
    const expected = new Map(store.live.map((index) => [index.id, 0]));
    for (const row of records.iterate(store)) {
        const count = ({ index }: Entry): unknown => expected.set(index, (expected.get(index) ?? 0) + 1);
        problems.push(...checkRecord(store, records, row, count));
        if (problems.length >= most) return problems;
    }
    for (const index of store.live) {
        const found = records.count({ kind: "index", id: index.id, store }, everything());
        if (found !== expected.get(index.id))
            problems.push(`${store.name}: index ${index.name} has ${found} entries, not ${expected.get(index.id)}`);
        for (const key of records.keys({ kind: "index", id: index.id, store }, everything(), 0)) decodePair(key);
    }
    return problems;
}

function strayRows(sql: DatabaseSync, stores: StoreMeta[]): string[] {
    const known = {
        idb_record: stores.map((s) => s.id),
        idb_entry: stores.flatMap((s) => [s.id, ...s.live.map((i) => i.id)]),
    };
    return Object.entries(known).flatMap(([table, ids]) => {
        const column = table === "idb_record" ? "store" : "idx";
        const rows = sql.prepare(`SELECT DISTINCT ${column} AS id FROM ${table}`).all();
        return rows
            .filter((row) => !ids.includes(Number(row["id"])))
            .map((row) => `${table} has rows of ${column} ${String(row["id"])}, which does not exist`);
    });
}
