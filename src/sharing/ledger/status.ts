import { wallTime } from "../../due/index.ts";
import type { DatabaseSync } from "node:sqlite";
import { flagOf, numberOf, numberOrNothing, type Row, textOf, textOrNothing, wordOf } from "../../database/index.ts";
import { advice } from "./advice.ts";
import { type AuditedDelivery, givenBy } from "./audit.ts";
import { reasonFrom, sentence } from "./reasons.ts";
import { origins } from "./job.ts";
import { states } from "./states.ts";

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
    readonly devices: readonly { readonly device_id: string; readonly state: string; readonly updated_at: string }[];
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

/** One job with everything that became of it, oldest first. */
export interface JobStory extends JobStatus {
    readonly origin: "invite" | "command";
    /** The bot makes the invite itself. */
    readonly makes_invite: boolean;
    /** A person released it from a hold. */
    readonly approved: boolean;
    /** What a person can do now. */
    readonly next_step: string;
    readonly story: readonly JobEvent[];
    /** Each sending of keys. */
    readonly given: readonly JobGift[];
}

export type JobGift = Pick<AuditedDelivery, "at" | "devices" | "sessions" | "file" | "sent">;

export interface JobEvent {
    readonly at: string;
    readonly state: string;
    readonly reason: string;
    readonly message: string;
}

/** Jobs that pass the filter, newest first. */
export function jobStatuses(sql: DatabaseSync, filter: JobFilter): readonly JobStatus[] {
    return sql
        .prepare(
            `SELECT *, ${wallTime("next_attempt_at")} AS due_wall FROM share_jobs
             WHERE room_id = coalesce(?1, room_id) AND user_id = coalesce(?2, user_id) AND state = coalesce(?3, state) AND updated_at >= coalesce(?4, 0)
             ORDER BY id DESC LIMIT ?5`,
        )
        .all(filter.roomId ?? null, filter.userId ?? null, filter.state ?? null, filter.since ?? null, filter.limit)
        .map((row) => jobStatus(sql, row));
}

/** The job with this ID and its story; undefined if there is none. */
export function jobStory(sql: DatabaseSync, jobId: string): JobStory | undefined {
    const row = sql
        .prepare(`SELECT *, ${wallTime("next_attempt_at")} AS due_wall FROM share_jobs WHERE id = ?`)
        .get(jobId);
    if (row === undefined) return undefined;
    const story = sql
        .prepare("SELECT at, state, reason, detail FROM share_job_moves WHERE job_id = ? ORDER BY rowid")
        .all(jobId)
        .map((move) => ({
            at: isoTime(numberOf(move, "at")),
            state: textOf(move, "state"),
            reason: textOf(move, "reason"),
            message: messageOf(move),
        }));
    return {
        ...jobStatus(sql, row),
        origin: wordOf(row, "origin", origins),
        makes_invite: flagOf(row, "makes_invite"),
        approved: flagOf(row, "approved"),
        next_step: advice({
            id: String(numberOf(row, "id")),
            roomId: textOf(row, "room_id"),
            userId: textOf(row, "user_id"),
            state: wordOf(row, "state", states),
            reason: reasonFrom(textOf(row, "reason")),
        }),
        story,
        given: givenBy(sql, numberOf(row, "id")).map(({ at, devices, sessions, file, sent }) => ({
            at,
            devices,
            sessions,
            file,
            sent,
        })),
    };
}

function jobStatus(sql: DatabaseSync, row: Row): JobStatus {
    const dueAt = numberOrNothing(row, "due_wall");
    return {
        id: String(numberOf(row, "id")),
        room_id: textOf(row, "room_id"),
        user_id: textOf(row, "user_id"),
        inviter: textOf(row, "inviter"),
        state: textOf(row, "state"),
        reason: textOf(row, "reason"),
        message: messageOf(row),
        attempts: numberOf(row, "attempts"),
        next_attempt_at: dueAt === undefined ? null : isoTime(dueAt),
        devices: sql
            .prepare("SELECT device_id, state, updated_at FROM share_job_devices WHERE job_id = ? ORDER BY device_id")
            .all(numberOf(row, "id"))
            .map((device) => ({
                device_id: textOf(device, "device_id"),
                state: textOf(device, "state"),
                updated_at: isoTime(numberOf(device, "updated_at")),
            })),
        created_at: isoTime(numberOf(row, "created_at")),
        updated_at: isoTime(numberOf(row, "updated_at")),
    };
}

function messageOf(row: Row): string {
    return sentence(reasonFrom(textOf(row, "reason")), textOrNothing(row, "detail"));
}

function isoTime(milliseconds: number): string {
    return new Date(milliseconds).toISOString();
}
