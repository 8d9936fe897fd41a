import type { DatabaseSync } from "node:sqlite";
import { Catalog } from "./catalog.ts";
import { storeErrorOf } from "./errors.ts";
import { emptyLog } from "./file.ts";
import type { FilingLimits } from "./filing.ts";
import { Records } from "./records.ts";
import { Scheduler } from "./scheduler.ts";

/** What all parts of one open file share. */
export class Engine {
    readonly sql: DatabaseSync;
    readonly catalog: Catalog;
    readonly records: Records;
    readonly scheduler: Scheduler;

    constructor(sql: DatabaseSync, limits: FilingLimits) {
        this.sql = sql;
        this.catalog = new Catalog(sql);
        this.records = new Records(sql, limits);
        this.reload();
        this.scheduler = new Scheduler(this);
    }

    close(): void {
        if (!this.sql.isOpen) return;
        try {
            if (!this.sql.isTransaction) this.records.filing.settle();
        } catch {
            // A full disk: what is unfiled is so at the next opening, too.
        }
        this.sql.close();
    }

    /** After a transaction that found the disk full: the log is given up, which may leave room for a smaller one. */
    makeRoom(error: unknown): void {
        if (storeErrorOf(error)?.reason === "disk_full" && this.sql.isOpen && !this.sql.isTransaction)
            emptyLog(this.sql);
    }

    /** After a rollback: what was in memory of the records that are gone is forgotten. */
    reload(): void {
        if (this.sql.isOpen) this.records.filing.reload(this.catalog.stores());
    }
}
