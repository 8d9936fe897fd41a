import type { DatabaseSync } from "node:sqlite";
import { blobOrNothing, textOf } from "../../../database/index.ts";
import type { Seal } from "../../../sealing/index.ts";

export interface OutboxKey {
    readonly deliveryId: string;
    readonly deviceId: string;
    /** The device's Curve25519 key: a device that was made anew under an old name gets a body of its own. */
    readonly deviceKey: string;
    /** What the body says, as a hash. */
    readonly fingerprint: string;
}

/**
 * Encrypted to-device bodies from their encryption until the server took them: a ratchet step is never spent twice on
 * one delivery.
 */
export class Outbox {
    readonly #sql: DatabaseSync;
    readonly #seal: Seal;

    constructor(sql: DatabaseSync, seal: Seal) {
        this.#sql = sql;
        this.#seal = seal;
    }

    find(key: OutboxKey): string | undefined {
        const row = this.#sql
            .prepare(
                "SELECT body FROM outbox WHERE delivery_id = ? AND device_id = ? AND device_key = ? AND fingerprint = ?",
            )
            .get(key.deliveryId, key.deviceId, key.deviceKey, key.fingerprint);
        const body = blobOrNothing(row, "body");
        return body && Buffer.from(this.#seal.open(place(key), body)).toString("utf8");
    }

    keep(key: OutboxKey, body: string): void {
        const { deliveryId, deviceId, deviceKey, fingerprint } = key;
        const sealed = this.#seal.seal(place(key), Buffer.from(body));
        this.#sql
            .prepare("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?)")
            .run(deliveryId, deviceId, deviceKey, fingerprint, sealed);
    }

    /** The deliveries of which bodies are kept. */
    deliveries(): readonly string[] {
        return this.#sql
            .prepare("SELECT DISTINCT delivery_id FROM outbox")
            .all()
            .map((row) => textOf(row, "delivery_id"));
    }

    forget(deliveryId: string): void {
        this.#sql.prepare("DELETE FROM outbox WHERE delivery_id = ?").run(deliveryId);
    }
}

function place({ deliveryId, deviceId, deviceKey, fingerprint }: OutboxKey): string {
    return JSON.stringify(["outbox", deliveryId, deviceId, deviceKey, fingerprint]);
}
