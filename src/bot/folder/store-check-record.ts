import type { StoreStatus } from "../../control/index.ts";
import { type Database, numberOf, type Schema, textOrNothing } from "../../database/index.ts";

export const storeCheckSchema: Schema = {
    feature: "store_check",
    migrations: [
        (sql) =>
            sql.exec(`
                CREATE TABLE store_check (
                    only INTEGER PRIMARY KEY CHECK (only = 1),
                    -- what is damaged and what to do, in a sentence; null: nothing is
                    damage TEXT,
                    -- milliseconds since the epoch
                    checked_at INTEGER NOT NULL
                ) STRICT
            `),
    ],
};

/** What the last check of the whole crypto store found: `status` reads it, also when no bot runs. */
export class StoreCheckRecord {
    readonly #sql: Database["sql"];

    /** @param sql opened with `storeCheckSchema` */
    constructor(sql: Database["sql"]) {
        this.#sql = sql;
    }

    /** Belongs inside a transaction. */
    set(damage: string | undefined, now: number): void {
        this.#sql.prepare("INSERT OR REPLACE INTO store_check VALUES (1, ?, ?)").run(damage ?? null, now);
    }

    /** A new device's store is another one. Belongs inside a transaction. */
    remove(): void {
        this.#sql.exec("DELETE FROM store_check");
    }

    status(): StoreStatus {
        const row = this.#sql.prepare("SELECT damage, checked_at FROM store_check").get();
        if (row === undefined) return { check: "not_yet", checked_at: null, message: null };
        const damage = textOrNothing(row, "damage");
        return {
            check: damage === undefined ? "sound" : "damaged",
            checked_at: new Date(numberOf(row, "checked_at")).toISOString(),
            message: damage ?? null,
        };
    }
}
