import type { StatementSync } from "node:sqlite";
import { z } from "zod";
import {
    type Database,
    jsonOf,
    numberOf,
    numberOrNothing,
    type Row,
    textOf,
    textOrNothing,
    wordOf,
} from "../database/index.ts";
import type { DueItem } from "../due/index.ts";

/** Why a room waits for us: we were invited; a tombstone names it; or we joined what only claimed to be a successor. */
export type InvitationKind = "invite" | "successor" | "false_successor";

/**
 * "open": to be answered at its time. "left_pending": on purpose, for a human. "answered": the homeserver took our
 * answer, the echo is awaited. "given_up": too many attempts failed; a new invite opens it again.
 */
export type InvitationState = "open" | "left_pending" | "answered" | "given_up";

export interface Invitation {
    readonly roomId: string;
    readonly kind: InvitationKind;
    readonly sender: string;
    readonly predecessor: string | undefined;
    /** Servers that may know the room. */
    readonly via: readonly string[];
    readonly since: number;
    /** A time before which the sender had not invited us; undefined: not known. */
    readonly madeAfter: number | undefined;
    readonly state: InvitationState;
    /** Attempts that failed. */
    readonly attempts: number;
    readonly nextAttemptAt: number | undefined;
    /** Why it was left or given up. */
    readonly reason: string | undefined;
}

export interface DueInvitation extends DueItem {
    readonly invitation: Invitation;
}

/** Rooms that wait for our answer. Every method belongs inside a transaction of the caller's. */
export class InvitationTable {
    readonly #select: StatementSync;
    readonly #selectAll: StatementSync;
    readonly #selectDue: StatementSync;
    readonly #selectNext: StatementSync;
    readonly #upsert: StatementSync;
    readonly #delete: StatementSync;

    constructor({ sql }: Database) {
        this.#select = sql.prepare("SELECT * FROM room_invitations WHERE room_id = ?");
        this.#selectAll = sql.prepare("SELECT * FROM room_invitations ORDER BY since, room_id");
        this.#selectDue = sql.prepare(
            `WITH due AS (
                 SELECT *, row_number() OVER (
                     PARTITION BY substr(sender, instr(sender, ':') + 1) ORDER BY attempts, since, room_id
                 ) AS of_server
                 FROM room_invitations WHERE next_attempt_at <= ?1
             )
             SELECT * FROM due WHERE of_server <= ?3 ORDER BY attempts, since, room_id LIMIT ?2`,
        );
        this.#selectNext = sql.prepare(
            "SELECT min(next_attempt_at) AS at FROM room_invitations WHERE next_attempt_at > ?1",
        );
        this.#upsert = sql.prepare(
            `INSERT OR REPLACE INTO room_invitations
                (room_id, kind, sender, predecessor, via, since, made_after, state, attempts, next_attempt_at, reason)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        );
        this.#delete = sql.prepare("DELETE FROM room_invitations WHERE room_id = ?");
    }

    get(roomId: string): Invitation | undefined {
        const row = this.#select.get(roomId);
        return row === undefined ? undefined : invitationFrom(row);
    }

    /** Oldest first. */
    all(): readonly Invitation[] {
        return this.#selectAll.all().map(invitationFrom);
    }

    /**
     * Of those whose time has come the ones that failed least, the oldest first; of a sender's server so many at most.
     */
    due(now: number, limit: number, ofServer: number): readonly DueInvitation[] {
        return this.#selectDue.all(now, limit, ofServer).map((row) => {
            const invitation = invitationFrom(row);
            return { key: invitation.roomId, failures: invitation.attempts, invitation };
        });
    }

    /** When the next of the others falls due; undefined: none waits. */
    nextAt(now: number): number | undefined {
        return numberOrNothing(this.#selectNext.get(now), "at");
    }

    put(invitation: Invitation): void {
        this.#upsert.run(
            invitation.roomId,
            invitation.kind,
            invitation.sender,
            invitation.predecessor ?? null,
            JSON.stringify(invitation.via),
            invitation.since,
            invitation.madeAfter ?? null,
            invitation.state,
            invitation.attempts,
            invitation.nextAttemptAt ?? null,
            invitation.reason ?? null,
        );
    }

    delete(roomId: string): void {
        this.#delete.run(roomId);
    }
}

const kinds: readonly InvitationKind[] = ["invite", "successor", "false_successor"];
const states: readonly InvitationState[] = ["open", "left_pending", "answered", "given_up"];

const servers = z.array(z.string());

function invitationFrom(row: Row): Invitation {
    return {
        roomId: textOf(row, "room_id"),
        kind: wordOf(row, "kind", kinds),
        sender: textOf(row, "sender"),
        predecessor: textOrNothing(row, "predecessor"),
        via: jsonOf(row, "via", servers),
        since: numberOf(row, "since"),
        madeAfter: numberOrNothing(row, "made_after"),
        state: wordOf(row, "state", states),
        attempts: numberOf(row, "attempts"),
        nextAttemptAt: numberOrNothing(row, "next_attempt_at"),
        reason: textOrNothing(row, "reason"),
    };
}
