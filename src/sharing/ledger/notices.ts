import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing, textOf, textOrNothing, wordOf } from "../../database/index.ts";
import { type RoomTrouble, roomTroubles } from "./followed-rooms.ts";
import { type Reason, reasonFrom, sentence } from "./reasons.ts";
import { type JobState, states } from "./states.ts";

/** What whoever tells people has to tell. `id` grows and is never used twice. */
export type Notice = JobNotice | RoomNotice | BotNotice;

/** A job that needs a person. */
export interface JobNotice {
    readonly about: "job";
    readonly id: number;
    readonly jobId: number;
    readonly roomId: string;
    readonly userId: string;
    readonly inviter: string;
    readonly state: JobState;
    readonly message: string;
}

/** A room that came to have a trouble, or lost one. */
export interface RoomNotice {
    readonly about: "room";
    readonly id: number;
    readonly roomId: string;
    readonly trouble: RoomTrouble;
    readonly present: boolean;
}

/** What has become of the bot's own cross-signing identity. */
export interface BotNotice {
    readonly about: "bot";
    readonly id: number;
    readonly identity: LostIdentity;
}

/** Another one is published, or none, or it does not sign the bot's device any more. */
const lostIdentities = ["replaced", "gone", "unsigned"] as const;
export type LostIdentity = (typeof lostIdentities)[number];

/** No room has an empty ID: these notices are about the bot itself. */
const theBot = "";

export function createNotices(sql: DatabaseSync): void {
    sql.exec(`
        CREATE TABLE share_notices (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            job_id INTEGER NOT NULL REFERENCES share_jobs (id) ON DELETE CASCADE,
            state TEXT NOT NULL,
            reason TEXT NOT NULL
        ) STRICT;
        CREATE INDEX share_notices_by_job ON share_notices (job_id);
    `);
}

/**
 * Which jobs came to need a person, and what changed in rooms, in order. Sharing writes these rows; who is told, and
 * how, is not its business.
 */
export class Notices {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** Notes a job that has just come to need a person; inside the transaction that moves it. */
    follow(jobId: number, state: JobState, reason: Reason): void {
        if (!needsPerson(state, reason) && !this.#isLeftAlone(jobId, state)) return;
        const again = state === "failed" || reason.startsWith("reinvite_") || reason.endsWith("_blocked");
        // What the bot tries again by itself is told once.
        if (again && this.#isNoted(jobId, state, reason)) return;
        this.#sql
            .prepare("INSERT INTO share_notices (job_id, state, reason) VALUES (?, ?, ?)")
            .run(jobId, state, reason);
    }

    /** Notes that the bot's own identity was lost, instead of what was noted before; undefined: it is in order. */
    identity(lost: LostIdentity | undefined): void {
        this.#sql.prepare("DELETE FROM share_notices WHERE room_id = ?").run(theBot);
        if (lost === undefined) return;
        const insert = this.#sql.prepare(
            "INSERT INTO share_notices (room_id, state, reason) VALUES (?, ?, 'identity')",
        );
        insert.run(theBot, lost);
    }

    /** Whoever else invited cannot help any more: their keys would not be opened. */
    #isLeftAlone(jobId: number, state: JobState): boolean {
        if (state !== "held" && state !== "refused") return false;
        return this.#sql.prepare("SELECT 1 FROM share_jobs WHERE id = ? AND place_taken = 1").get(jobId) !== undefined;
    }

    #isNoted(jobId: number, state: JobState, reason: Reason): boolean {
        const select = this.#sql.prepare("SELECT 1 FROM share_notices WHERE job_id = ? AND state = ? AND reason = ?");
        return select.get(jobId, state, reason) !== undefined;
    }

    /**
     * What was noted after the notice `id` and still stands, oldest first: of each job, and of each trouble of a room,
     * the newest notice.
     */
    standingAfter(id: number): readonly Notice[] {
        const all = [...this.#botAfter(id), ...this.#jobsAfter(id), ...this.#roomsAfter(id)];
        return all.toSorted((one, other) => one.id - other.id);
    }

    /**
     * The number of the newest notice, whether it stands or not; 0: there is none. Who was told what stands knows
     * everything up to it.
     */
    newest(): number {
        return numberOrNothing(this.#sql.prepare("SELECT max(id) AS id FROM share_notices").get(), "id") ?? 0;
    }

    #botAfter(id: number): readonly BotNotice[] {
        return this.#sql
            .prepare("SELECT id, state FROM share_notices WHERE id > ? AND room_id = ?")
            .all(id, theBot)
            .map((row) => ({ about: "bot", id: numberOf(row, "id"), identity: wordOf(row, "state", lostIdentities) }));
    }

    #jobsAfter(id: number): readonly JobNotice[] {
        return this.#sql
            .prepare(
                `SELECT max(notice.id) AS id, job.id AS job_id, job.room_id, job.user_id, job.inviter, job.state, job.reason, job.detail
                 FROM share_notices AS notice JOIN share_jobs AS job ON job.id = notice.job_id AND job.state = notice.state AND job.reason = notice.reason
                 WHERE notice.id > ? GROUP BY job.id`,
            )
            .all(id)
            .map((row) => ({
                about: "job",
                id: numberOf(row, "id"),
                jobId: numberOf(row, "job_id"),
                roomId: textOf(row, "room_id"),
                userId: textOf(row, "user_id"),
                inviter: textOf(row, "inviter"),
                state: wordOf(row, "state", states),
                message: sentence(reasonFrom(textOf(row, "reason")), textOrNothing(row, "detail")),
            }));
    }

    /**
     * A trouble comes and goes by turns: after an even number of changes a room is again as it was at the notice `id`.
     */
    #roomsAfter(id: number): readonly RoomNotice[] {
        return this.#sql
            .prepare(
                `SELECT max(id) AS id, room_id, state, reason FROM share_notices
                 WHERE id > ? AND room_id <> ? GROUP BY room_id, reason HAVING count(*) % 2 = 1`,
            )
            .all(id, theBot)
            .map((row) => ({
                about: "room",
                id: numberOf(row, "id"),
                roomId: textOf(row, "room_id"),
                trouble: wordOf(row, "reason", roomTroubles),
                present: wordOf(row, "state", ["present", "absent"]) === "present",
            }));
    }
}

/** What a person has to know, whatever the job's state. */
const needsPersonAnyway: ReadonlySet<Reason> = new Set<Reason>([
    "reinvite_left_standing",
    "identity_changed",
    "reinvite_ignored",
    "reinvite_forbidden",
    "place_blocked",
    "place_left",
    "joined_blocked",
    "joined_unserved",
    "other_bot_not_listed",
]);

/** A pause was a person's own act, and nothing is wrong with what waits for its end. */
function needsPerson(state: JobState, reason: Reason): boolean {
    return (state === "held" && reason !== "paused") || state === "failed" || needsPersonAnyway.has(reason);
}
