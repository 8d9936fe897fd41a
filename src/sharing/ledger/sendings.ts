import type { DatabaseSync, SQLInputValue } from "node:sqlite";

/** Keys that went out to an invitee's devices, in one sending. */
export interface Given {
    /** Names the sending by what went out: recorded again after a crash, it is the same one. */
    readonly sendingId: string;
    readonly jobId: number;
    readonly roomId: string;
    readonly userId: string;
    readonly inviter: string;
    /** Whom the keys were encrypted for: the user's master key, unpadded base64. */
    readonly identity: string;
    readonly deviceIds: readonly string[];
    readonly sessions: number;
    /** The encrypted file in the media repository. */
    readonly mxc: string;
    /** What allowed it. */
    readonly policy: Policy;
}

export interface Policy {
    readonly mode: string;
    readonly visibility: string;
    readonly origin: "invite" | "command";
    /** A person released the delivery from a hold. */
    readonly approved: boolean;
}

const columns =
    "sending_id, at, job_id, room_id, user_id, inviter, identity, device_ids, sessions, mxc, mode, visibility, origin, approved";
const values = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";

/** The audit's columns, and those of what may become a row of it. */
export const auditColumns = `
    sending_id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    room_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    inviter TEXT NOT NULL,
    identity TEXT NOT NULL,
    device_ids TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    mxc TEXT NOT NULL,
    mode TEXT NOT NULL,
    visibility TEXT NOT NULL,
    origin TEXT NOT NULL,
    approved INTEGER NOT NULL`;

/**
 * Marks the audit's row of a sending of which nobody knows whether it arrived; if the answer comes after all, there is
 * a second row.
 */
export const unknownMark = "?";

/**
 * Keys on their way: written before the request that carries them, so that one whose answer never comes is not
 * forgotten. Every method belongs inside a transaction of the caller's.
 */
export class Sendings {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    begin(given: Given, now: number): void {
        this.#sql
            .prepare(`INSERT INTO share_sendings (${columns}) VALUES (${values}) ON CONFLICT DO NOTHING`)
            .run(...row(given, now));
    }

    /**
     * The homeserver has it: that is for the audit. Earlier attempts to give these devices the same file are part of
     * it.
     */
    arrived(given: Given, now: number): void {
        this.#sql
            .prepare(`INSERT INTO share_audit (${columns}) VALUES (${values}) ON CONFLICT DO NOTHING`)
            .run(...row(given, now));
        this.#sql
            .prepare(
                `DELETE FROM share_sendings WHERE job_id = ? AND mxc = ? AND NOT EXISTS
                 (SELECT 1 FROM json_each(device_ids) AS device WHERE device.value NOT IN (SELECT value FROM json_each(?)))`,
            )
            .run(given.jobId, given.mxc, JSON.stringify(given.deviceIds));
    }

    /** The homeserver has refused it. */
    refused(sendingId: string): void {
        this.#sql.prepare("DELETE FROM share_sendings WHERE sending_id = ?").run(sendingId);
    }

    /** Nobody asks again what became of the job's sendings: the audit says that they may have arrived. */
    markUnknown(jobId: number): void {
        this.#sql
            .prepare(
                `INSERT INTO share_audit (${columns}, certain) SELECT ${columns.replace("sending_id", "sending_id || ?2")}, 0
                 FROM share_sendings WHERE job_id = ?1 ON CONFLICT DO NOTHING`,
            )
            .run(jobId, unknownMark);
        this.#sql.prepare("DELETE FROM share_sendings WHERE job_id = ?").run(jobId);
    }
}

function row(
    { sendingId, jobId, roomId, userId, inviter, identity, deviceIds, sessions, mxc, policy }: Given,
    at: number,
): SQLInputValue[] {
    const { mode, visibility, origin, approved } = policy;
    const who = [sendingId, at, jobId, roomId, userId, inviter, identity];
    return [...who, JSON.stringify(deviceIds), sessions, mxc, mode, visibility, origin, approved ? 1 : 0];
}
