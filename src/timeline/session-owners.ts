import type { StatementSync } from "node:sqlite";
import type { SessionOwner } from "../crypto/index.ts";
import { type Database, numberOf, textOf } from "../database/index.ts";
import { isSignedBySession } from "../matrix/index.ts";

/** When a session's owner first used it, as far as is known; milliseconds since the epoch. */
export interface FirstUse {
    readonly sessionId: string;
    readonly firstAt: number;
}

/** A message that may tell whose a session is. */
export interface Candidate {
    /** Milliseconds since the epoch. */
    readonly at: number;
    readonly content: Readonly<Record<string, unknown>>;
}

/**
 * Messages of one session and sender that are looked at for a signature, of those that come together: an honest
 * sender's are all signed.
 */
const mostTries = 4;
/** Sessions that are read without a pause. */
const pageSize = 250;

/**
 * Whose the rooms' sessions are: of whoever sent the earliest known message that bears the session's signature. A
 * made-up message bears none, and one that was copied is later. Every writing call stands in a transaction of the
 * caller.
 */
export class SessionOwners {
    readonly #select: StatementSync;
    readonly #put: StatementSync;
    readonly #selectUntold: StatementSync;
    readonly #tell: StatementSync;
    readonly #selectPage: StatementSync;
    readonly #tellAgain: StatementSync;
    readonly #selectTimes: StatementSync;

    /** @param database opened with `timelineSchema` */
    constructor({ sql }: Database) {
        this.#select = sql.prepare("SELECT sender, signed_at FROM session_owners WHERE room_id = ? AND session_id = ?");
        this.#put = sql.prepare(
            `INSERT INTO session_owners (room_id, session_id, sender, signed_at, told) VALUES (?, ?, ?, ?, 0)
             ON CONFLICT DO UPDATE SET told = told AND sender = excluded.sender, sender = excluded.sender, signed_at = excluded.signed_at`,
        );
        this.#selectUntold = sql.prepare(
            "SELECT room_id, session_id, sender FROM session_owners WHERE told = 0 LIMIT ?",
        );
        this.#tell = sql.prepare(
            "UPDATE session_owners SET told = 1 WHERE room_id = ? AND session_id = ? AND sender = ?",
        );
        this.#tellAgain = sql.prepare("UPDATE session_owners SET told = 0 WHERE room_id = ?");
        this.#selectTimes = sql.prepare(
            "SELECT count(*) AS n, total(signed_at) AS sum FROM session_owners WHERE room_id = ?",
        );
        this.#selectPage = sql.prepare(
            "SELECT session_id, signed_at FROM session_owners WHERE room_id = ? AND session_id > ? ORDER BY session_id LIMIT ?",
        );
    }

    /** Looks at messages of one session by one sender that came together. */
    record(
        roomId: string,
        { sessionId, sender }: { readonly sessionId: string; readonly sender: string },
        messages: readonly Candidate[],
    ): void {
        const known = this.#select.get(roomId, sessionId);
        const signedAt = known === undefined ? Number.POSITIVE_INFINITY : numberOf(known, "signed_at");
        const tells = ({ at }: Candidate): boolean =>
            at < signedAt || (at === signedAt && sender < textOf(known, "sender"));
        const earliestFirst = messages.filter(tells).toSorted((one, other) => one.at - other.at);
        const first = earliestFirst.slice(0, mostTries).find(({ content }) => isSignedBySession(content));
        if (first !== undefined) this.#put.run(roomId, sessionId, sender, first.at);
    }

    /** Some of those that the crypto worker was not told of. */
    untold(most: number): readonly SessionOwner[] {
        return this.#selectUntold.all(most).map((row) => ({
            roomId: textOf(row, "room_id"),
            sessionId: textOf(row, "session_id"),
            userId: textOf(row, "sender"),
        }));
    }

    /** Another text after each change of what `pages` would say. */
    version(roomId: string): string {
        const row = this.#selectTimes.get(roomId);
        return `${numberOf(row, "n")} ${numberOf(row, "sum")}`;
    }

    told(owners: readonly SessionOwner[]): void {
        for (const { roomId, sessionId, userId } of owners) this.#tell.run(roomId, sessionId, userId);
    }

    /** The crypto worker may have forgotten the room. */
    tellAgain(roomId: string): void {
        this.#tellAgain.run(roomId);
    }

    /** When each session of the room was first used, so many at a time that nobody waits long for one page. */
    *pages(roomId: string): Generator<readonly FirstUse[], void, void> {
        for (let last = ""; ;) {
            const page = this.#selectPage
                .all(roomId, last, pageSize)
                .map((row) => ({ sessionId: textOf(row, "session_id"), firstAt: numberOf(row, "signed_at") }));
            yield page;
            if (page.length < pageSize) return;
            last = page.at(-1)?.sessionId ?? "";
        }
    }
}
