import type { DatabaseSync } from "node:sqlite";
import type { StoreMeta } from "./catalog.ts";
import { blob, entriesOf, type Entry, valueOf, valueRow } from "./entries.ts";
import { storeErrorOf } from "./errors.ts";
import type { Statements } from "./statements.ts";
import { Tail } from "./tail.ts";
import { checksum } from "./value.ts";

/**
 * Filing 100 records costs some 400 pages, as keys are mostly random, and 4000 at once hardly more: so a commit files
 * what is `few`, leaves more for later, and files at `many`; in a large store, of which each filing touches most pages,
 * at a quarter of what is filed, but at `most` at the latest. Meanwhile they are found by their keys in memory.
 */
export interface FilingLimits {
    readonly few: number;
    readonly many: number;
    readonly most: number;
}

export const usualLimits: FilingLimits = { few: 64, many: 4096, most: 16_384 };

/** Which records are filed, that is, have their entries in the file; and the numbers of new ones. */
export class Filing {
    readonly tail = new Tail();
    readonly #sql: DatabaseSync;
    readonly #statements: Statements;
    readonly #limits: FilingLimits;
    #stores: ReadonlyMap<number, StoreMeta> = new Map();
    /** The highest number that a record has; those above `lastFiled` may be unfiled. */
    lastId = 0;
    lastFiled = 0;
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
        this.lastFiled = Number(state?.["last_filed"]);
        this.lastId = Math.max(this.lastFiled, Number(state?.["last"] ?? 0));
        if (this.lastId === this.lastFiled) return;
        this.#stores = new Map([...stores].map((store) => [store.id, store]));
        for (const row of this.#statements.get("unfiled").iterate(this.lastFiled)) {
            const store = Number(row["store"]);
            if (this.#stores.has(store)) this.tail.set(store, blob(row["key"]), Number(row["id"]));
        }
    }

    /** The last thing in a transaction. */
    beforeCommit(): void {
        if (this.tail.size <= this.#limits.few) this.settle();
    }

    /** Files what is unfiled, all or nothing, in a transaction of its own if none runs. */
    settle(): void {
        if (this.tail.size === 0 && this.lastId - this.lastFiled < this.#many) return;
        const inner = this.#sql.isTransaction;
        this.#sql.exec(inner ? "SAVEPOINT filing" : "BEGIN IMMEDIATE");
        try {
            this.#file();
            this.#statements.get("set last filed").run(this.lastId);
            this.#sql.exec(inner ? "RELEASE filing" : "COMMIT");
        } catch (error) {
            if (this.#sql.isTransaction) this.#sql.exec(inner ? "ROLLBACK TO filing; RELEASE filing" : "ROLLBACK");
            throw error;
        }
        this.lastFiled = this.lastId;
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
        return ++this.lastId;
    }

    /** Leaves the record for later. */
    postpone(store: StoreMeta, key: Uint8Array, record: number, entries: readonly Entry[]): void {
        this.tail.set(store.id, key, record, entries);
        if (this.tail.size >= this.#many) this.settle();
    }

    get #many(): number {
        const { many, most } = this.#limits;
        return Math.max(many, Math.min(most, this.lastFiled / 4));
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
        const insert = this.#statements.get("insert entry");
        for (const [{ index, key }, record] of this.tail.sorted((...found) => this.#entriesOf(...found)))
            insert.run(index, key, record);
    }

    /** Of a record that was unfiled at the opening. A damaged value is at least found by its key, and then reported. */
    #entriesOf(storeId: number, key: Uint8Array, record: number): readonly Entry[] {
        const store = this.#stores.get(storeId);
        const row = this.#statements.get("read record").get(record);
        const value = row && valueRow(row);
        const intact = value !== undefined && checksum(value.bytes) === value.sum;
        return store && intact ? entriesOf(store, key, valueOf(value)) : [{ index: storeId, key }];
    }
}
