import { createHash, randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { textOrNothing } from "../../database/index.ts";
import { openList } from "../ledger/states.ts";

/** An encrypted bundle message for one device. */
export interface Copy {
    readonly jobId: number;
    readonly deliveryId: string;
    readonly userId: string;
    readonly deviceId: string;
    readonly content: object;
}

/** One `/sendToDevice`. */
export interface SendRequest<C extends Copy = Copy> {
    readonly txnId: string;
    readonly copies: readonly C[];
}

/** Copies in one request at most: some 600 kB. */
const most = 200;

/**
 * Which request carries which copy, kept from before the request until the delivery is over: a server acts once on each
 * transaction ID, so a copy whose fate is unknown goes out again under the same one, and nothing else ever does. Every
 * method belongs inside a transaction of the caller's.
 */
export class Sends {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /**
     * The next request for some of these copies (at least one): a request that was begun before goes out again first.
     */
    next<C extends Copy>(copies: readonly C[]): SendRequest<C> {
        const begun = copies.map((copy) => ({ copy, txnId: this.#begun(copy) }));
        const txnId = begun.find((one) => one.txnId !== undefined)?.txnId;
        if (txnId === undefined) return this.#begin(copies);
        const again = begun.filter((one) => one.txnId === txnId).map(({ copy }) => copy);
        this.#dropOthers(txnId, again);
        return { txnId, copies: again };
    }

    /** The delivery is on record. */
    forget(deliveryId: string): void {
        this.#sql.prepare("DELETE FROM share_sends WHERE delivery_id = ?").run(deliveryId);
    }

    /** Forgets what belongs to jobs that are over. */
    prune(): void {
        this.#sql.exec(
            `DELETE FROM share_sends WHERE job_id NOT IN (SELECT id FROM share_jobs WHERE state IN (${openList}))`,
        );
    }

    #begun(copy: Copy): string | undefined {
        const row = this.#sql
            .prepare("SELECT txn_id FROM share_sends WHERE delivery_id = ? AND device_id = ? AND digest = ?")
            .get(copy.deliveryId, copy.deviceId, digestOf(copy));
        return textOrNothing(row, "txn_id");
    }

    #begin<C extends Copy>(copies: readonly C[]): SendRequest<C> {
        const txnId = `backscroll-share-${randomUUID()}`;
        // A request has one place for each device; a second room's bundle for the same one takes the next.
        const taken = new Set<string>();
        const chosen: C[] = [];
        for (const copy of copies) {
            const place = JSON.stringify([copy.userId, copy.deviceId]);
            if (chosen.length === most || taken.has(place)) continue;
            taken.add(place);
            chosen.push(copy);
        }
        const insert = this.#sql.prepare(
            "INSERT OR REPLACE INTO share_sends (delivery_id, device_id, job_id, digest, txn_id) VALUES (?, ?, ?, ?, ?)",
        );
        for (const copy of chosen) insert.run(copy.deliveryId, copy.deviceId, copy.jobId, digestOf(copy), txnId);
        return { txnId, copies: chosen };
    }

    /**
     * Copies that do not go out with the others now: if the server has not seen this request yet, they need another.
     */
    #dropOthers(txnId: string, copies: readonly Copy[]): void {
        const staying = copies.map(({ deliveryId, deviceId }) => [deliveryId, deviceId]);
        this.#sql
            .prepare(
                `DELETE FROM share_sends WHERE txn_id = ?1 AND NOT EXISTS
                 (SELECT 1 FROM json_each(?2) WHERE value ->> 0 = delivery_id AND value ->> 1 = device_id)`,
            )
            .run(txnId, JSON.stringify(staying));
    }
}

function digestOf({ userId, deviceId, content }: Copy): string {
    return createHash("sha256")
        .update(JSON.stringify([userId, deviceId, content]))
        .digest("base64");
}
