import type { DatabaseSync } from "node:sqlite";
import type { Catalog, StoreMeta } from "./catalog.ts";
import { decodePair } from "./key.ts";
import { everything } from "./range.ts";
import { entriesOf, valueOf } from "./entries.ts";
import type { Records } from "./records.ts";

/** At most so many problems are named. */
const most = 20;

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

function checkStore(store: StoreMeta, records: Records): string[] {
    const problems: string[] = [];
    const expected = new Map(store.live.map((index) => [index.id, 0]));
    for (const row of records.iterate(store)) {
        try {
            for (const entry of entriesOf(store, row.key, valueOf(row))) {
                expected.set(entry.index, (expected.get(entry.index) ?? 0) + 1);
                if (!records.hasEntry(entry, row.record)) problems.push(`${store.name}: a record is missing in an index`);
            }
        } catch (error) {
            problems.push(`${store.name}: record ${row.record}: ${error instanceof Error ? error.message : String(error)}`);
        }
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
    const known = { idb_record: stores.map((s) => s.id), idb_entry: stores.flatMap((s) => [s.id, ...s.live.map((i) => i.id)]) };
    return Object.entries(known).flatMap(([table, ids]) => {
        const column = table === "idb_record" ? "store" : "idx";
        const rows = sql.prepare(`SELECT DISTINCT ${column} AS id FROM ${table}`).all();
        return rows
            .filter((row) => !ids.includes(Number(row["id"])))
            .map((row) => `${table} has rows of ${column} ${String(row["id"])}, which does not exist`);
    });
}
