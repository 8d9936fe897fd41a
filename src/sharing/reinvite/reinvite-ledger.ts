import type { DatabaseSync } from "node:sqlite";
import { flagOf, numberOf, numberOrNothing } from "../../database/index.ts";
import { type Bucket, levelAt, limits, longestMemory, nextTurn, restAfterRefusal, type Turn } from "./invite-pace.ts";
import type { Job } from "../ledger/jobs.ts";
import type { Reason } from "../ledger/reasons.ts";

type Place = Pick<Job, "roomId" | "userId">;

/** How long re-invites bind; milliseconds. */
const week = 7 * 24 * 3_600_000;
/**
 * Rows of a future that the clock has been set back from would bind for ever: they count up to so many milliseconds
 * ahead.
 */
const clockSlack = 60_000;
/** Of an invite that counts in one bucket only. */
const nobody = "";
const nowhere = "";
/** No rest is longer, whatever a homeserver asks: a day, and what the polite add. */
const longestRest = 25 * 3_600_000;

/**
 * What the bot's own invites have to heed, as rows that outlive it: its earlier re-invites, and how full the
 * homeserver's buckets are. Times are milliseconds since the epoch. Every method belongs inside a transaction of the
 * caller's.
 */
export class ReinviteLedger {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** A human invited somebody at this time, which may be long ago. */
    invited(place: Place, at: number, now: number): void {
        if (at > now - longestMemory) this.#count(place, at, now, false);
    }

    /** When the bot repeated other invites of this user into this room, within a week. */
    repeatedAt(job: Job, now: number, which: "all" | "marked" = "all"): readonly number[] {
        const { roomId, userId } = job;
        return this.#sql
            .prepare(
                `SELECT at FROM reinvites WHERE room_id = ? AND user_id = ? AND invite_event_id <> ? AND at BETWEEN ? AND ?
                 AND marked >= ?`,
            )
            .all(roomId, userId, nameOf(job), now - week, now + clockSlack, which === "marked" ? 1 : 0)
            .map((row) => numberOf(row, "at"));
    }

    /** When this job's re-invite may be made. */
    turn(job: Job, pace: "polite" | "unlimited", now: number): Turn {
        const rest = this.#restOf(job, now);
        const turn: Turn =
            pace === "unlimited" ? { at: now, reason: "reinvite_paced" } : nextTurn(this.#buckets(job, now), now);
        return rest > Math.max(turn.at, now) ? { at: rest, reason: "reinvite_limited" } : turn;
    }

    /**
     * Before the homeserver is asked: a crash in between must find the re-invite counted. Answers what `release` takes.
     */
    reserve(job: Job, now: number): number {
        const { roomId, userId } = job;
        this.#sql.prepare("DELETE FROM reinvites WHERE at < ?").run(now - week);
        this.#sql
            .prepare(
                `INSERT INTO reinvites (room_id, user_id, invite_event_id, at, marked) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET at = excluded.at`,
            )
            .run(roomId, userId, nameOf(job), now, job.byAnotherBot ? 1 : 0);
        return this.#count(job, now, now, true);
    }

    /** Whether the homeserver has said yes to this very invite. */
    wasTaken(job: Job): boolean {
        const select = this.#sql.prepare(
            "SELECT 1 FROM reinvites WHERE room_id = ? AND user_id = ? AND invite_event_id = ? AND taken = 1",
        );
        return select.get(job.roomId, job.userId, nameOf(job)) !== undefined;
    }

    /** The homeserver was not asked: its buckets are as they were. */
    release(reservation: number): void {
        this.#sql.prepare("DELETE FROM invites_counted WHERE id = ?").run(reservation);
    }

    /**
     * This invite was not repeated. A refused attempt may have filled some of the buckets all the same: that stays
     * counted.
     */
    notMade(job: Job): void {
        this.#sql
            .prepare("DELETE FROM reinvites WHERE room_id = ? AND user_id = ? AND invite_event_id = ?")
            .run(job.roomId, job.userId, nameOf(job));
    }

    /** The homeserver had no room for the re-invite. Answers after how many milliseconds it may be asked again. */
    limited(job: Job, retryAfter: number | undefined, pace: "polite" | "unlimited", now: number): number {
        this.notMade(job);
        const refusals = this.#refusals(job);
        const { bucket, rest } = restAfterRefusal(retryAfter, refusals, pace);
        const until = now + rest;
        // Attempts of people that were refused fill buckets too, and nobody tells us of those: ours is as full as the
        // homeserver's now.
        const place =
            bucket === "room" ? { roomId: job.roomId, userId: nobody } : { roomId: nowhere, userId: job.userId };
        const { invites } = this.#buckets(job, now)[bucket];
        for (let level = levelAt(limits[bucket], invites, now); level < limits[bucket].burst; level += 1)
            this.#count(place, now, now, false);
        this.#sql
            .prepare("INSERT OR REPLACE INTO invite_rests (of, until, refusals) VALUES (?, ?, ?)")
            .run(bucket === "room" ? job.roomId : job.userId, until, refusals + 1);
        return rest;
    }

    /**
     * The homeserver said yes. Answers the jobs that rested because it had not taken others of this room or person:
     * they need not any more.
     */
    made(job: Job): readonly number[] {
        const { roomId, userId } = job;
        this.#sql
            .prepare("UPDATE reinvites SET taken = 1 WHERE room_id = ? AND user_id = ? AND invite_event_id = ?")
            .run(roomId, userId, nameOf(job));
        const { changes } = this.#sql.prepare("DELETE FROM invite_rests WHERE of IN (?, ?)").run(roomId, userId);
        if (changes === 0) return [];
        return this.#sql
            .prepare(
                "SELECT id FROM share_jobs WHERE state IN ('queued', 'delivered') AND reason = 'reinvite_limited' AND (room_id = ? OR user_id = ?)",
            )
            .all(roomId, userId)
            .map((row) => numberOf(row, "id"));
    }

    /** Delivered jobs that wait for more keys, or for a count of them, before the bot invites. */
    uncovered(): readonly number[] {
        return this.#sql
            .prepare(
                "SELECT id FROM share_jobs WHERE state = 'delivered' AND reason IN ('coverage_incomplete', 'coverage_unknown') ORDER BY id",
            )
            .all()
            .map((row) => numberOf(row, "id"));
    }

    #buckets({ id, roomId, userId }: Job, now: number): Record<"room" | "invitee" | "bot", Bucket> {
        return {
            room: this.#bucket("room_id = ?", roomId, now, this.#ahead(id, limits.room.reason, { roomId })),
            invitee: this.#bucket("user_id = ?", userId, now, this.#ahead(id, limits.invitee.reason, { userId })),
            bot: this.#bucket("by_bot = ?", 1, now, this.#ahead(id, limits.bot.reason, {})),
        };
    }

    #bucket(which: string, value: string | number, now: number, ahead: number): Bucket {
        const rows = this.#sql
            .prepare(`SELECT at, by_bot FROM invites_counted WHERE ${which} AND at BETWEEN ? AND ? ORDER BY at`)
            .all(value, now - longestMemory, now + clockSlack);
        const invites = rows.map((row) => ({ at: numberOf(row, "at"), byBot: flagOf(row, "by_bot") }));
        const times = (byBot: boolean): readonly number[] =>
            invites.filter((one) => one.byBot === byBot).map(({ at }) => at);
        return { invites: invites.map(({ at }) => at), ofPeople: times(false), lastByBot: times(true).at(-1), ahead };
    }

    /** Older jobs that wait for the same bucket, or that were refused and may have to. */
    #ahead(id: number, reason: Reason, { roomId, userId }: Partial<Place>): number {
        const row = this.#sql
            .prepare(
                `SELECT count(*) AS count FROM share_jobs WHERE state IN ('queued', 'delivered') AND reason IN (?, 'reinvite_limited') AND id < ?
                 AND room_id = coalesce(?, room_id) AND user_id = coalesce(?, user_id)`,
            )
            .get(reason, id, roomId ?? null, userId ?? null);
        return numberOf(row, "count");
    }

    #restOf({ roomId, userId }: Job, now: number): number {
        const row = this.#sql
            .prepare("SELECT max(until) AS until FROM invite_rests WHERE of IN (?, ?) AND until < ?")
            .get(roomId, userId, now + longestRest);
        return numberOrNothing(row, "until") ?? 0;
    }

    /** In a row, of either. */
    #refusals({ roomId, userId }: Job): number {
        const row = this.#sql
            .prepare("SELECT max(refusals) AS refusals FROM invite_rests WHERE of IN (?, ?)")
            .get(roomId, userId);
        return numberOrNothing(row, "refusals") ?? 0;
    }

    #count({ roomId, userId }: Place, at: number, now: number, byBot: boolean): number {
        this.#sql
            .prepare("DELETE FROM invites_counted WHERE at NOT BETWEEN ? AND ?")
            .run(now - longestMemory, now + clockSlack);
        const { lastInsertRowid } = this.#sql
            .prepare("INSERT INTO invites_counted (at, room_id, user_id, by_bot) VALUES (?, ?, ?, ?)")
            .run(at, roomId, userId, byBot ? 1 : 0);
        return Number(lastInsertRowid);
    }
}

/** The invite that is repeated, or the job whose own invite it is. */
function nameOf({ id, inviteEventId }: Pick<Job, "id" | "inviteEventId">): string {
    return inviteEventId === "" ? `job ${id}` : inviteEventId;
}
