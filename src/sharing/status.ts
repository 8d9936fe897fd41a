import type { DatabaseSync } from "node:sqlite";
import { reasonFrom, reasons } from "./reasons.ts";

/** A share job as `status --json` shows it; part of the contract with operators (schema 1). Times are ISO 8601 UTC. */
export interface JobStatus {
    readonly id: string;
    readonly room_id: string;
    readonly user_id: string;
    readonly inviter: string;
    readonly state: string;
    readonly reason: string;
    readonly message: string;
    readonly attempts: number;
    readonly next_attempt_at: string | null;
    readonly devices: readonly { readonly device_id: string; readonly state: string }[];
    readonly created_at: string;
    readonly updated_at: string;
}

export interface JobFilter {
    readonly roomId?: string | undefined;
    readonly userId?: string | undefined;
    readonly state?: string | undefined;
    /** Milliseconds since the epoch: jobs changed at or after. */
    readonly since?: number | undefined;
    readonly limit: number;
}

/** Jobs that pass the filter, newest first. */
export function jobStatuses(sql: DatabaseSync, filter: JobFilter): readonly JobStatus[] {
    const devicesOf = sql.prepare("SELECT device_id, state FROM share_job_devices WHERE job_id = ? ORDER BY device_id");
    return sql
        .prepare(
            `SELECT * FROM share_jobs
             WHERE room_id = coalesce(?1, room_id) AND user_id = coalesce(?2, user_id) AND state = coalesce(?3, state) AND updated_at >= coalesce(?4, 0)
             ORDER BY id DESC LIMIT ?5`,
        )
        .all(filter.roomId ?? null, filter.userId ?? null, filter.state ?? null, filter.since ?? null, filter.limit)
        .map((row) => ({
            id: String(row["id"]),
            room_id: String(row["room_id"]),
            user_id: String(row["user_id"]),
            inviter: String(row["inviter"]),
            state: String(row["state"]),
            reason: String(row["reason"]),
            message: reasons[reasonFrom(row["reason"])],
            attempts: Number(row["attempts"]),
            next_attempt_at: row["next_attempt_at"] === null ? null : isoTime(Number(row["next_attempt_at"])),
            devices: devicesOf
                .all(Number(row["id"]))
                .map((device) => ({ device_id: String(device["device_id"]), state: String(device["state"]) })),
            created_at: isoTime(Number(row["created_at"])),
            updated_at: isoTime(Number(row["updated_at"])),
        }));
}

function isoTime(milliseconds: number): string {
    return new Date(milliseconds).toISOString();
}
