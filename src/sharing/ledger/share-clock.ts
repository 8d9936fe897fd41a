import type { DatabaseSync } from "node:sqlite";

/**
 * For how many milliseconds the bot has run in all, to within ten minutes. Wall clocks are set, ahead and back; this one only falls behind, so that what
 * expires by it does so late rather than early. Every method belongs inside a transaction of the caller's.
 */
export class ShareClock {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    ran(): number {
        return Number(this.#sql.prepare("SELECT ran FROM share_clock").get()?.["ran"]);
    }

    count(milliseconds: number): void {
        this.#sql.prepare("UPDATE share_clock SET ran = ran + ?").run(Math.round(milliseconds));
    }
}

/** The same as a value in SQL. */
export const ranNow = "(SELECT ran FROM share_clock)";
