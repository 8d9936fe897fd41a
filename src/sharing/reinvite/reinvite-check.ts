import type { DatabaseSync } from "node:sqlite";
import { type Database, numberOf, textOf, textOrNothing } from "../../database/index.ts";
import { type Homeserver, HomeserverError } from "../../homeserver/index.ts";
import { parseRoomEvent } from "../../matrix/index.ts";
import type { Rooms } from "../../rooms/index.ts";
import { inviteTexts } from "../../texts/index.ts";
import { haltFor } from "../delivery/homeserver-faults.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";
import type { TakenBackReason } from "../ledger/steps.ts";

/** A re-invite of ours that took the place of something else than the invite it repeats. */
export interface ReinviteCheck {
    readonly eventId: string;
    readonly jobId: number;
    /** What it took the place of, as the homeserver says. */
    readonly replacedEventId: string | undefined;
}

/** The re-invites still to be looked at; each method belongs inside a transaction of the caller's. */
export class ReinviteChecks {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    add(check: ReinviteCheck): void {
        this.#sql
            .prepare(
                "INSERT INTO reinvite_checks (event_id, job_id, replaced_event_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .run(check.eventId, check.jobId, check.replacedEventId ?? null);
    }

    all(): readonly ReinviteCheck[] {
        const rows = this.#sql
            .prepare("SELECT event_id, job_id, replaced_event_id FROM reinvite_checks ORDER BY job_id")
            .all();
        return rows.map((row) => ({
            eventId: textOf(row, "event_id"),
            jobId: numberOf(row, "job_id"),
            replacedEventId: textOrNothing(row, "replaced_event_id"),
        }));
    }

    done(check: ReinviteCheck): void {
        this.#sql.prepare("DELETE FROM reinvite_checks WHERE event_id = ?").run(check.eventId);
    }
}

export interface CheckParts {
    readonly botUserId: string;
    readonly database: Database;
    readonly jobs: ShareJobs;
    readonly checks: ReinviteChecks;
    readonly rooms: Pick<Rooms, "canKick">;
    readonly homeserver: Pick<Homeserver, "event" | "memberEvent" | "putMember">;
}

/**
 * An invite has no precondition: ours, a moment after a withdrawal or a decline, brings the invite back from the dead.
 * Where that happened, ours is taken back if we may, and the job tells.
 */
export async function checkReinvite(parts: CheckParts, check: ReinviteCheck): Promise<void> {
    const job = parts.jobs.get(check.jobId);
    const reason = job === undefined ? undefined : await takeBackIfAllowed(parts, job, check);
    parts.database.transaction(() => {
        if (reason !== undefined) parts.jobs.annotate(check.jobId, reason);
        parts.checks.done(check);
    });
}

async function takeBackIfAllowed(
    parts: CheckParts,
    job: Job,
    check: ReinviteCheck,
): Promise<TakenBackReason | undefined> {
    try {
        return await takeBack(parts, job, check);
    } catch (error) {
        // Asking again cannot help, and others wait behind this one. Nobody is thrown out on a doubt.
        if (error instanceof HomeserverError && haltFor(error).to === "failed") return "reinvite_left_standing";
        throw error;
    }
}

async function takeBack(parts: CheckParts, job: Job, check: ReinviteCheck): Promise<TakenBackReason | undefined> {
    // 1. Another human's invite in between is not an ending: a job of its own serves it.
    const replaced =
        check.replacedEventId === undefined
            ? undefined
            : parseRoomEvent(await parts.homeserver.event(job.roomId, check.replacedEventId));
    if (replaced?.content["membership"] === "invite") return undefined;

    // 2. Ours is taken back only while it stands: a human may have invited again since, or the invitee joined.
    const current = parseRoomEvent(await parts.homeserver.memberEvent(job.roomId, job.userId));
    if (current?.eventId !== check.eventId) return undefined;
    if (!parts.rooms.canKick(job.roomId, parts.botUserId, job.userId)) return "reinvite_left_standing";
    await parts.homeserver.putMember(job.roomId, job.userId, { membership: "leave", reason: inviteTexts.takenBack });
    return "reinvite_taken_back";
}
