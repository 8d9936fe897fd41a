import type { DatabaseSync, StatementSync } from "node:sqlite";

const rows = `SELECT e.key, e.record, r.value, r.sum FROM idb_entry e JOIN idb_record r ON r.id = e.record
    WHERE e.idx = ? AND e.key >= ? AND e.key < ? ORDER BY e.key`;

const texts = {
    // In a store or an index: (its id, low, high, limit).
    "rows ascending": `${rows} LIMIT ?`,
    "rows descending": `${rows} DESC LIMIT ?`,
    keys: "SELECT key FROM idb_entry WHERE idx = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
    count: "SELECT count(*) AS n FROM idb_entry WHERE idx = ? AND key >= ? AND key < ?",

    "find record":
        "SELECT r.id, r.value, r.sum FROM idb_entry e JOIN idb_record r ON r.id = e.record WHERE e.idx = ? AND e.key = ?",
    "read record": "SELECT id, value, sum FROM idb_record WHERE id = ?",
    "insert record": "INSERT INTO idb_record (id, store, key, value, sum) VALUES (?, ?, ?, ?, ?)",
    "update record": "UPDATE idb_record SET value = ?, sum = ? WHERE id = ?",
    "delete record": "DELETE FROM idb_record WHERE id = ?",
    "clear records": "DELETE FROM idb_record WHERE id IN (SELECT record FROM idb_entry WHERE idx = ?)",

    "find entry": "SELECT record FROM idb_entry WHERE idx = ? AND key = ?",
    "insert entry": "INSERT INTO idb_entry (idx, key, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    "delete entry": "DELETE FROM idb_entry WHERE idx = ? AND key = ?",
    "clear entries": "DELETE FROM idb_entry WHERE idx = ?",

    "last filed": "SELECT last_filed, (SELECT max(id) FROM idb_record) AS last FROM idb_state",
    "set last filed": "UPDATE idb_state SET last_filed = ?",
    unfiled: `SELECT id, store, key FROM idb_record r WHERE id > ?
        AND NOT EXISTS (SELECT 1 FROM idb_entry e WHERE e.idx = r.store AND e.key = r.key)`,

    "set next key": "UPDATE idb_store SET next_key = ? WHERE id = ?",
} as const;

/** The statements on records and entries, each prepared when it is first needed. */
export class Statements {
    readonly #sql: DatabaseSync;
    readonly #prepared = new Map<string, StatementSync>();

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    get(name: keyof typeof texts): StatementSync {
        const known = this.#prepared.get(name);
        if (known) return known;
        const statement = this.#sql.prepare(texts[name]);
        this.#prepared.set(name, statement);
        return statement;
    }
}
