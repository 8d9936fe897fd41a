import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing, textOf } from "../../database/index.ts";

/** Anybody can send such keys under made-up names: the senders of whom nothing was heard for longest go first. */
const mostSenders = 1_000;

export interface UnreadableKeyCount {
    readonly userId: string;
    readonly keys: number;
    /** Milliseconds since the epoch. */
    readonly lastAt: number;
}

/** How many room keys of each sender were lost because nobody can read the spelling of their flag. */
export class UnreadableKeyCounts {
    readonly #sql: DatabaseSync;

    /** @param sql of a database opened with `evidenceSchema` */
    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** Inside a transaction of the caller's. @param senders each as often as they sent such a key */
    note(senders: readonly string[], now: number): void {
        if (senders.length === 0) return;
        const known = this.#sql.prepare("SELECT keys FROM unreadable_keys WHERE user_id = ?");
        const put = this.#sql.prepare(
            "INSERT OR REPLACE INTO unreadable_keys (user_id, keys, last_at) VALUES (?, ?, ?)",
        );
        for (const sender of senders) put.run(sender, (numberOrNothing(known.get(sender), "keys") ?? 0) + 1, now);
        this.#sql
            .prepare(
                "DELETE FROM unreadable_keys WHERE id IN (SELECT id FROM unreadable_keys ORDER BY id DESC LIMIT -1 OFFSET ?)",
            )
            .run(mostSenders);
    }

    /** Those of whom such a key came last first. */
    newest(limit: number): readonly UnreadableKeyCount[] {
        const rows = this.#sql.prepare("SELECT * FROM unreadable_keys ORDER BY id DESC LIMIT ?").all(limit);
        return rows.map((row) => ({
            userId: textOf(row, "user_id"),
            keys: numberOf(row, "keys"),
            lastAt: numberOf(row, "last_at"),
        }));
    }
}
