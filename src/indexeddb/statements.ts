import type { DatabaseSync, StatementSync } from "node:sqlite";

const record = "SELECT key, id AS record, value, sum FROM idb_record WHERE store = ? AND key >= ? AND key < ?";
const entry = `SELECT e.key, e.record, r.value, r.sum FROM idb_entry e JOIN idb_record r ON r.id = e.record
    WHERE e.idx = ? AND e.key >= ? AND e.key < ?`;

/** Of a store or an index: (its id, low, high, limit). */
const texts = {
    "store ASC": `${record} ORDER BY key LIMIT ?`,
    "store DESC": `${record} ORDER BY key DESC LIMIT ?`,
    "store keys": "SELECT key FROM idb_record WHERE store = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
    "store count": "SELECT count(*) AS n FROM idb_record WHERE store = ? AND key >= ? AND key < ?",
    "index ASC": `${entry} ORDER BY e.key LIMIT ?`,
    "index DESC": `${entry} ORDER BY e.key DESC LIMIT ?`,
    "index keys": "SELECT key FROM idb_entry WHERE idx = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
    "index count": "SELECT count(*) AS n FROM idb_entry WHERE idx = ? AND key >= ? AND key < ?",
    "find record": "SELECT key, id AS record, value, sum FROM idb_record WHERE store = ? AND key = ?",
    "find id": "SELECT id FROM idb_record WHERE store = ? AND key = ?",
    "insert record": "INSERT INTO idb_record (store, key, value, sum) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    "update record": "UPDATE idb_record SET value = ?, sum = ? WHERE id = ?",
    "delete records": "DELETE FROM idb_record WHERE store = ? AND key >= ? AND key < ?",
    "clear records": "DELETE FROM idb_record WHERE store = ?",
    "find entry": "SELECT record FROM idb_entry WHERE idx = ? AND key = ?",
    "insert entry": "INSERT INTO idb_entry (idx, key, record) VALUES (?, ?, ?)",
    "delete entry": "DELETE FROM idb_entry WHERE idx = ? AND key = ?",
    "clear entries": "DELETE FROM idb_entry WHERE idx = ?",
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
