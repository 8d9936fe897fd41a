import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { flagOf, jsonOf, numberOf, type Row, textOf, wordOf } from "../../database/index.ts";
import { origins } from "./job.ts";
import { auditColumns, unknownMark, type Given, type Policy, Sendings } from "./sendings.ts";

/** One row is one sending. Rows are never changed nor deleted, whatever becomes of the jobs: the triggers see to it. */
export function createAudit(sql: DatabaseSync): void {
    sql.exec(`
        CREATE TABLE share_audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,${auditColumns}
        ) STRICT;
        CREATE INDEX share_audit_by_room ON share_audit (room_id, at);
        CREATE TRIGGER share_audit_is_not_changed BEFORE UPDATE ON share_audit BEGIN SELECT raise(ABORT, 'the audit is never changed'); END;
        CREATE TRIGGER share_audit_is_kept BEFORE DELETE ON share_audit BEGIN SELECT raise(ABORT, 'the audit is never deleted'); END;
    `);
}

/** Of sendings whose answer never came, and of what was sent while that was not known: see `Sendings`. */
export function createSendings(sql: DatabaseSync): void {
    sql.exec(`
        CREATE TABLE share_sendings (${auditColumns}) STRICT;
        CREATE INDEX share_sendings_by_job ON share_sendings (job_id);
        ALTER TABLE share_audit ADD COLUMN certain INTEGER NOT NULL DEFAULT 1;
    `);
}

/** Who was given what: written in the transaction that records the delivery. */
export class Audit {
    readonly #sql: DatabaseSync;
    readonly #sendings: Sendings;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
        this.#sendings = new Sendings(sql);
    }

    /** The keys are about to go out. @param now milliseconds since the epoch */
    begin(given: Given, now: number): void {
        this.#sendings.begin(given, now);
    }

    /** They have gone out. @param now milliseconds since the epoch */
    record(given: Given, now: number): void {
        this.#sendings.arrived(given, now);
    }

    /** They have not. */
    refused(sendingId: string): void {
        this.#sendings.refused(sendingId);
    }

    /** Whether the job has given any keys, as far as anybody knows. */
    gave(jobId: number): boolean {
        return (
            this.#sql.prepare("SELECT 1 FROM share_audit WHERE job_id = ? AND certain = 1 LIMIT 1").get(jobId) !==
            undefined
        );
    }

    /**
     * How many other users were given keys of the room in the time up to `now`, and how many older jobs are giving them
     * at this moment.
     */
    others(
        job: { readonly id: number; readonly roomId: string; readonly userId: string },
        since: number,
        now: number,
    ): number {
        const row = this.#sql
            .prepare(
                `SELECT count(*) AS users FROM (
                     SELECT user_id FROM share_audit WHERE room_id = ?1 AND at > ?4 AND at <= ?5
                     UNION SELECT user_id FROM share_jobs WHERE room_id = ?1 AND state = 'delivering' AND id < ?2
                 ) WHERE user_id <> ?3`,
            )
            .get(job.roomId, job.id, job.userId, since, now);
        return numberOf(row, "users");
    }
}

/** What `audit --json` prints; part of the contract with operators (schema 1). Times are ISO 8601 UTC. */
export interface AuditReport {
    readonly schema: 1;
    /** Newest first. */
    readonly deliveries: readonly AuditedDelivery[];
}

export interface AuditedDelivery {
    readonly at: string;
    readonly job_id: string;
    readonly room_id: string;
    readonly user_id: string;
    readonly inviter: string;
    readonly identity: string;
    readonly devices: readonly string[];
    readonly sessions: number;
    readonly file: string;
    /** `unknown`: the homeserver's answer was lost, and the delivery ended before it could be asked for again. */
    readonly sent: "yes" | "unknown";
    readonly policy: Policy;
}

export interface AuditFilter {
    readonly roomId: string | undefined;
    readonly userId: string | undefined;
    /** Milliseconds since the epoch. */
    readonly since: number | undefined;
}

/** A doubt ends when the answer comes after all. */
const standing = `(certain = 1 OR NOT EXISTS
    (SELECT 1 FROM share_audit AS sure WHERE sure.sending_id || '${unknownMark}' = share_audit.sending_id AND sure.job_id = share_audit.job_id))`;

/** Every delivery that passes the filter. */
export function auditReport(sql: DatabaseSync, { roomId, userId, since }: AuditFilter): AuditReport {
    const rows = sql
        .prepare(
            `SELECT * FROM share_audit WHERE room_id = coalesce(?1, room_id) AND user_id = coalesce(?2, user_id) AND at >= coalesce(?3, 0)
             AND ${standing} ORDER BY id DESC`,
        )
        .all(roomId ?? null, userId ?? null, since ?? null);
    return { schema: 1, deliveries: rows.map(deliveryFrom) };
}

/** What a job has given, oldest first. */
export function givenBy(sql: DatabaseSync, jobId: number): readonly AuditedDelivery[] {
    return sql
        .prepare(`SELECT * FROM share_audit WHERE job_id = ? AND ${standing} ORDER BY id`)
        .all(jobId)
        .map(deliveryFrom);
}

const deviceIds = z.array(z.string());

function deliveryFrom(row: Row): AuditedDelivery {
    return {
        at: new Date(numberOf(row, "at")).toISOString(),
        job_id: String(numberOf(row, "job_id")),
        room_id: textOf(row, "room_id"),
        user_id: textOf(row, "user_id"),
        inviter: textOf(row, "inviter"),
        identity: textOf(row, "identity"),
        devices: jsonOf(row, "device_ids", deviceIds),
        sessions: numberOf(row, "sessions"),
        file: textOf(row, "mxc"),
        sent: flagOf(row, "certain") ? "yes" : "unknown",
        policy: {
            mode: textOf(row, "mode"),
            visibility: textOf(row, "visibility"),
            origin: wordOf(row, "origin", origins),
            approved: flagOf(row, "approved"),
        },
    };
}
