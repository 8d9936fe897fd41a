import type { DatabaseSync } from "node:sqlite";
import { Catalog } from "./catalog.ts";
import { Records } from "./records.ts";
import { Scheduler } from "./scheduler.ts";

/** What all parts of one open file share. */
export class Engine {
    readonly sql: DatabaseSync;
    readonly catalog: Catalog;
    readonly records: Records;
    readonly scheduler: Scheduler;

    constructor(sql: DatabaseSync) {
        this.sql = sql;
        this.catalog = new Catalog(sql);
        this.records = new Records(sql);
        this.scheduler = new Scheduler(sql);
    }
}
