import type { DatabaseSync } from "node:sqlite";
import type { StoreMeta } from "./catalog.ts";
import { blob, entriesOf, type Value, valueOf, valueRow } from "./entries.ts";
import { storeErrorOf } from "./errors.ts";
import type { Statements } from "./statements.ts";
import { Tail, type Unfiled } from "./tail.ts";
import { checksum } from "./value.ts";

/**
 * Filing 100 records costs some 400 pages, as keys are mostly random, and 4000 at once hardly more: so a commit files
 * what is `few`, leaves more for later, and files at `many`. Meanwhile they are found by their keys in memory.
 */
export interface FilingLimits {
    readonly few: number;
    readonly many: number;
}

export const usualLimits: FilingLimits = { few: 64, many: 4096 };

/** Which records are filed, that is, have their entries in the file; and the numbers of new ones. */
export class Filing {
    readonly tail = new Tail();
    readonly #sql: DatabaseSync;
    readonly #statements: Statements;
    readonly #limits: FilingLimits;
    #lastId = 0;
    #lastFiled = 0;
    /** What is filed now will be unfiled again. */
    #provisional = false;

    constructor(sql: DatabaseSync, statements: Statements, limits: FilingLimits) {
        this.#sql = sql;
        this.#statements = statements;
        this.#limits = limits;
    }

    /** After opening and after every rollback: finds out which records are not filed. */
    reload(stores: Iterable<StoreMeta>): void {
        this.tail.clear();
        const state = this.#statements.get("last filed").get();
        this.#lastFiled = Number(state?.["last_filed"]);
        this.#lastId = Math.max(this.#lastFiled, Number(state?.["last"] ?? 0));
        if (this.#lastId === this.#lastFiled) return;
        const byId = new Map([...stores].map((store) => [store.id, store]));
        for (const row of this.#statements.get("unfiled").all(this.#lastFiled)) {
            const store = byId.get(Number(row["store"]));
            if (store) this.tail.set(store.id, blob(row["key"]), unfiledOf(store, blob(row["key"]), valueRow(row)));
        }
    }

    /** The last thing in a transaction. */
    beforeCommit(): void {
        if (this.tail.size <= this.#limits.few) this.settle();
    }

    /** Files what is unfiled, all or nothing, in a transaction of its own if none runs. */
    settle(): void {
        if (this.tail.size === 0 && this.#lastId - this.#lastFiled < this.#limits.many) return;
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
        this.tail.clear();
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

    /** The number of a record that is about to be stored. */
    nextId(): number {
        return ++this.#lastId;
    }

    /** Leaves the record for later. */
    postpone(store: StoreMeta, key: Uint8Array, unfiled: Unfiled): void {
        this.tail.set(store.id, key, unfiled);
        if (this.tail.size >= this.#limits.many) this.settle();
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
        for (const [entry, record] of this.tail.sorted()) this.#statements.get("insert entry").run(entry.index, entry.key, record);
    }
}

// A damaged value is at least found by its key, and then reported.
function unfiledOf(store: StoreMeta, key: Uint8Array, value: Value): Unfiled {
    const primary = { index: store.id, key };
    const intact = checksum(value.bytes) === value.sum;
    return { record: value.record, entries: intact ? entriesOf(store, key, valueOf(value)) : [primary] };
}
