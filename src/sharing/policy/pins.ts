import type { DatabaseSync } from "node:sqlite";
import { textOrNothing } from "../../database/index.ts";

/**
 * The first master key seen of each user, kept for ever: a homeserver that swaps an identity is noticed.
 * Trust limit: the first sight itself is believed (trust on first use).
 */
export class IdentityPins {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** The pinned master key (unpadded base64), or undefined. */
    pinned(userId: string): string | undefined {
        const row = this.#sql.prepare("SELECT master_key FROM identity_pins WHERE user_id = ?").get(userId);
        return textOrNothing(row, "master_key");
    }

    /** Pins `masterKey` unless the user has a pin already. Answers the pin. */
    pinFirst(userId: string, masterKey: string, now: number): string {
        this.#sql
            .prepare(
                "INSERT INTO identity_pins (user_id, master_key, pinned_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .run(userId, masterKey, now);
        return this.pinned(userId) ?? masterKey;
    }

    /** A person accepts another identity of this user. */
    replace(userId: string, masterKey: string, now: number): void {
        this.#sql
            .prepare(
                `INSERT INTO identity_pins (user_id, master_key, pinned_at, by_command) VALUES (?, ?, ?, 1)
                 ON CONFLICT DO UPDATE SET master_key = excluded.master_key, pinned_at = excluded.pinned_at, by_command = 1`,
            )
            .run(userId, masterKey, now);
    }
}
