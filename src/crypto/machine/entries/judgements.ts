import type { DatabaseSync } from "node:sqlite";
import { numberOf, textOf, textOrNothing } from "../../../database/index.ts";
import type { SessionOwner } from "../../port.ts";
import type { EntryPages } from "./entry-pages.ts";
import type { EntryRows, KnownRow, SessionName } from "./entry-rows.ts";
import { type BundleEntry, bundleEntry } from "./entry.ts";
import { EntryReader } from "./entry.ts";
import { leadsTo } from "./megolm-ratchet.ts";
import { judge } from "./session-law.ts";
import { removeCopy } from "./write-copies.ts";

/** Of one room and user. What they say of closed sessions is a courtesy. */
const mostClosings = 10_000;

/**
 * Applies the law of sessions (`session-law.ts`) to the rows, and keeps what it goes by. Every call stands in a
 * transaction of the caller.
 */
export class Judgements {
    readonly #sql: DatabaseSync;
    readonly #pages: EntryPages;
    readonly #rows: EntryRows;

    constructor(sql: DatabaseSync, pages: EntryPages, rows: EntryRows) {
        this.#sql = sql;
        this.#pages = pages;
        this.#rows = rows;
    }

    /** Judges these sessions of a room anew; answers those for which something else counts now. */
    renew(roomId: string, sessionIds: Iterable<string>): ReadonlySet<string> {
        const changed = new Set<string>();
        const outsiders = this.outsiders(roomId);
        const reader = new EntryReader(this.#pages, roomId);
        for (const sessionId of sessionIds)
            if (this.#renew({ roomId, sessionId }, outsiders, reader)) changed.add(sessionId);
        return changed;
    }

    /** Whose sessions these are, by the rooms' events. Answers the rooms in which something else counts now. */
    setOwners(owners: readonly SessionOwner[]): ReadonlySet<string> {
        const set = this.#sql.prepare(
            `INSERT INTO session_owners (room_id, session_id, user_id) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET user_id = excluded.user_id WHERE user_id <> excluded.user_id`,
        );
        const news = owners.filter(({ roomId, sessionId, userId }) => set.run(roomId, sessionId, userId).changes > 0);
        const ofRooms = Map.groupBy(news, ({ roomId }) => roomId);
        return new Set(
            [...ofRooms].flatMap(([roomId, ofRoom]) => {
                const changed = this.renew(roomId, new Set(ofRoom.map(({ sessionId }) => sessionId)));
                return changed.size > 0 ? [roomId] : [];
            }),
        );
    }

    /** Who sent keys of the room and was never in it. Answers whether something else counts now. */
    setOutsiders(roomId: string, userIds: readonly string[]): boolean {
        const before = this.outsiders(roomId);
        const now = new Set(userIds);
        const moved = [...before, ...now].filter((userId) => before.has(userId) !== now.has(userId));
        if (moved.length === 0) return false;
        this.#sql.prepare("DELETE FROM room_outsiders WHERE room_id = ?").run(roomId);
        const add = this.#sql.prepare("INSERT INTO room_outsiders (room_id, user_id) VALUES (?, ?)");
        for (const userId of now) add.run(roomId, userId);
        const sessions = this.#sql
            .prepare(
                `SELECT session_id FROM ready_entries WHERE room_id = ?1 AND by_user IN (SELECT value FROM json_each(?2))
                 UNION SELECT session_id FROM session_closings WHERE room_id = ?1 AND user_id IN (SELECT value FROM json_each(?2))`,
            )
            .all(roomId, JSON.stringify(moved));
        this.#rows.renew(roomId);
        return (
            this.renew(
                roomId,
                sessions.map((row) => textOf(row, "session_id")),
            ).size > 0
        );
    }

    outsiders(roomId: string): ReadonlySet<string> {
        const rows = this.#sql.prepare("SELECT user_id FROM room_outsiders WHERE room_id = ?").all(roomId);
        return new Set(rows.map((row) => textOf(row, "user_id")));
    }

    /** This user says that the sessions' senders keep them from newcomers. Answers how many of these words are new. */
    close(
        roomId: string,
        userId: string,
        sessions: readonly { readonly sessionId: string; readonly senderKey: string }[],
    ): number {
        const said = this.#sql
            .prepare("SELECT count(*) AS n FROM session_closings WHERE room_id = ? AND user_id = ?")
            .get(roomId, userId);
        const insert = this.#sql.prepare(
            "INSERT OR IGNORE INTO session_closings (room_id, session_id, user_id, sender_key) VALUES (?, ?, ?, ?)",
        );
        const room = mostClosings - numberOf(said, "n");
        const fresh: string[] = [];
        for (const { sessionId, senderKey } of sessions) {
            if (fresh.length >= room) break;
            if (insert.run(roomId, sessionId, userId, senderKey).changes > 0) fresh.push(sessionId);
        }
        if (fresh.length === 0) return 0;
        this.#rows.noteSender(roomId, userId);
        this.#rows.renew(roomId);
        this.renew(roomId, fresh);
        return fresh.length;
    }

    #renew(name: SessionName, outsiders: ReadonlySet<string>, reader: EntryReader): boolean {
        const copies = this.#rows.ofSession(name);
        if (copies.length === 0) return false;
        const keyOf = (copy: KnownRow): string => reader.read(copy)?.session_key ?? "";
        const forged = new Set<KnownRow>();
        const agree = (earlier: KnownRow, later: KnownRow): boolean => {
            const agrees = leadsTo(keyOf(earlier), keyOf(later));
            const given = [earlier, later].find(({ source }) => source === "bundle");
            if (!agrees && given !== undefined && [earlier, later].some(({ source }) => source === "sent"))
                forged.add(given);
            return agrees;
        };
        const { verdict, chosen } = judge({
            copies,
            outsiders,
            owner: this.#ownerOf(name),
            closedBy: this.#closedBy(name),
            agree,
        });
        if (chosen !== undefined && chosen.copy !== chosen.names) this.#giveNames(name, chosen, reader);
        const changes = copies.map((copy) =>
            this.#rows.setVerdict(name, copy, copy === chosen?.copy ? verdict : "aside"),
        );
        // What leads to no copy that was sent never will: nobody has to see that again.
        for (const copy of forged) removeCopy(this.#pages, this.#rows, name.roomId, copy);
        return changes.includes(true);
    }

    /** A copy that came another way goes out under the names that the machine filed the sender's own under. */
    #giveNames(
        { roomId }: SessionName,
        { copy, names }: { readonly copy: KnownRow; readonly names: KnownRow },
        reader: EntryReader,
    ): void {
        const [entry, named] = [reader.read(copy), reader.read(names)];
        if (entry === undefined || named === undefined || haveSameNames(entry, named)) return;
        const [place] = this.#pages.add(roomId, [
            Buffer.from(JSON.stringify(bundleEntry({ ...named, session_key: entry.session_key }))),
        ]);
        if (place === undefined) return;
        this.#pages.drop(copy.page);
        this.#rows.setPlace({ roomId }, copy, place);
    }

    #ownerOf({ roomId, sessionId }: SessionName): string | undefined {
        const row = this.#sql
            .prepare("SELECT user_id FROM session_owners WHERE room_id = ? AND session_id = ?")
            .get(roomId, sessionId);
        return textOrNothing(row, "user_id");
    }

    #closedBy({ roomId, sessionId }: SessionName): readonly string[] {
        const rows = this.#sql
            .prepare("SELECT user_id FROM session_closings WHERE room_id = ? AND session_id = ?")
            .all(roomId, sessionId);
        return rows.map((row) => textOf(row, "user_id"));
    }
}

function haveSameNames(one: BundleEntry, other: BundleEntry): boolean {
    return JSON.stringify(one.sender_claimed_keys) === JSON.stringify(other.sender_claimed_keys);
}
