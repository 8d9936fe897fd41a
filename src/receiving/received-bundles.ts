import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing, type Row, textOf, wordOf, wordOrNothing } from "../database/index.ts";
import { ranNow } from "../due/index.ts";
import { knownReasons, type BundleReason, bundleReasons } from "./reasons.ts";

const states = ["waiting", "taken", "not_taken"] as const;

export type BundleState = (typeof states)[number];

/** What is known of the bundle of whoever invited the bot into a room. Times in milliseconds since the epoch. */
export interface ReceivedBundle {
    readonly roomId: string;
    readonly inviter: string;
    readonly joinedAt: number;
    /** How long the running clock had run when the bot joined. */
    readonly joinedRan: number;
    /** A time before which they had not invited it; undefined: not known. */
    readonly invitedAfter: number | undefined;
    readonly state: BundleState;
    /** Of `waiting`: what is in the way; undefined: none was announced yet, or it is being taken. */
    readonly reason: BundleReason | undefined;
    /** Sessions, and sessions that are withheld from newcomers. */
    readonly keys: number;
    readonly withheld: number;
    readonly changedAt: number;
}

export type BundleChange = Partial<Pick<ReceivedBundle, "state" | "reason" | "keys" | "withheld">>;

/** One row a room into which the bot was invited. Every writing call stands in a transaction of the caller. */
export class ReceivedBundles {
    readonly #sql: DatabaseSync;

    /** @param sql of a database opened with `receivingSchema` */
    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /**
     * The bot has joined at this person's invite: their bundle may be here already, or come.
     * @param invitedAfter a time before which they had not invited it; undefined: not known
     */
    expect(roomId: string, inviter: string, now: number, invitedAfter?: number): void {
        this.#sql
            .prepare(
                `INSERT OR REPLACE INTO received_bundles (room_id, inviter, joined_at, joined_ran, invited_after, state, changed_at)
                 VALUES (?, ?, ?, ${ranNow}, ?, 'waiting', ?)`,
            )
            .run(roomId, inviter, now, invitedAfter ?? null, now);
    }

    /** The bot has left. */
    forget(roomId: string): void {
        this.#sql.prepare("DELETE FROM received_bundles WHERE room_id = ?").run(roomId);
    }

    /** Nothing came in time. Answers whether the row was still this one. */
    expire({ roomId, joinedAt }: ReceivedBundle): boolean {
        return (
            this.#sql.prepare("DELETE FROM received_bundles WHERE room_id = ? AND joined_at = ?").run(roomId, joinedAt)
                .changes > 0
        );
    }

    of(roomId: string): ReceivedBundle | undefined {
        const row = this.#sql.prepare("SELECT * FROM received_bundles WHERE room_id = ?").get(roomId);
        return row === undefined ? undefined : bundleFrom(row);
    }

    /** Oldest first. */
    waiting(): readonly ReceivedBundle[] {
        return this.#sql
            .prepare("SELECT * FROM received_bundles WHERE state = 'waiting' ORDER BY joined_at")
            .all()
            .map(bundleFrom);
    }

    /** Unless the bot has left or joined again since: that row is another one's. Answers whether it was changed. */
    change(
        { roomId, joinedAt }: ReceivedBundle,
        { state = "waiting", reason, keys = 0, withheld = 0 }: BundleChange,
        now: number,
    ): boolean {
        const { changes } = this.#sql
            .prepare(
                `UPDATE received_bundles SET state = ?, reason = ?, keys = ?, withheld = ?, changed_at = ?
                 WHERE room_id = ? AND joined_at = ? AND state = 'waiting'`,
            )
            .run(state, reason ?? null, keys, withheld, now, roomId, joinedAt);
        return changes > 0;
    }
}

/** What became of it, for people; undefined: there is nothing to say yet. */
export function bundleSentence({ inviter, state, reason, keys, withheld }: ReceivedBundle): string | undefined {
    if (state === "taken") {
        const closed = withheld === 0 ? "" : `, and heard of ${count(withheld)} whose senders keep them from newcomers`;
        return `was given the keys of ${count(keys)} by ${inviter}, who invited the bot${closed}.`;
    }
    if (reason === undefined) return undefined;
    const when = state === "waiting" ? "is not taken yet" : "was not taken";
    return `The room key bundle of ${inviter}, who invited the bot, ${when}: ${bundleReasons[reason]}.`;
}

function count(sessions: number): string {
    return `${sessions} session${sessions === 1 ? "" : "s"}`;
}

function bundleFrom(row: Row): ReceivedBundle {
    return {
        roomId: textOf(row, "room_id"),
        inviter: textOf(row, "inviter"),
        joinedAt: numberOf(row, "joined_at"),
        joinedRan: numberOf(row, "joined_ran"),
        invitedAfter: numberOrNothing(row, "invited_after"),
        state: wordOf(row, "state", states),
        reason: wordOrNothing(row, "reason", knownReasons),
        keys: numberOf(row, "keys"),
        withheld: numberOf(row, "withheld"),
        changedAt: numberOf(row, "changed_at"),
    };
}
