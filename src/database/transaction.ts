import type { DatabaseSync } from "node:sqlite";
import type { Database } from "./database.ts";
import { noteReader } from "./log-index.ts";
import { explain } from "./sqlite-error.ts";

/**
 * `Database.transaction` on one connection. Every throw rolls back; what SQLite throws for want of space or disk is a
 * `Failure`.
 */
export function transactionsOn(sql: DatabaseSync, path: string): Database["transaction"] {
    return (work) => {
        if (sql.isTransaction) throw new Error("a transaction is already open, and transactions do not nest");
        try {
            sql.exec("BEGIN IMMEDIATE");
            const result = work();
            if (isThenable(result)) throw new TypeError("a transaction's work must not be asynchronous");
            sql.exec("COMMIT");
            noteReader(sql);
            return result;
        } catch (error) {
            if (sql.isTransaction) sql.exec("ROLLBACK");
            throw explain(error, path);
        }
    };
}

function isThenable(value: unknown): boolean {
    return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
