import type { DatabaseSync } from "node:sqlite";
import { numberOf, numberOrNothing, type Row, textOf, wordOf } from "../../../database/index.ts";
import type { Seal } from "../../../sealing/index.ts";
import type { RoomHoldings, SessionOwner, ShareableSet } from "../../port.ts";
import { EntryPages, placeIn } from "./entry-pages.ts";
import { EntryRows, type KnownRow, type SessionName } from "./entry-rows.ts";
import { type BundleEntry, EntryReader } from "./entry.ts";
import { type FlagFacts, mergeFlags, type SpokenClaim, type Verdict, verdicts } from "./flags.ts";
import { Judgements } from "./judgements.ts";
import { areOfOneSession } from "./megolm-ratchet.ts";
import { forgetOutsidersKeys } from "./outsiders-keys.ts";
import { type NewCopy, writeCopies } from "./write-copies.ts";

/** A session as an Olm sender named it. The key is the one that the machine authenticated. */
export interface SessionKey extends SessionName {
    readonly senderKey: string;
}

/** What a sender's `m.room_key` said, and who that was: the user whom the machine found in the Olm message. */
export interface SenderClaim {
    readonly claim: SpokenClaim;
    readonly sender: string;
    /** Milliseconds since the epoch. */
    readonly at: number;
}

/** A copy of a session, with the flag as the machine or an export has it. */
export interface SeenSession {
    /** The first message index that it can decrypt. */
    readonly firstIndex: number;
    readonly machineFlag: boolean;
    readonly entry: BundleEntry;
}

/**
 * A copy that an `m.room_key` brought, of a session that we made (which has no `word`), or that the operator imports.
 */
export interface Arrival {
    readonly source: "sent" | "import";
    readonly seen: SeenSession;
    readonly heard: SenderClaim | undefined;
}

export interface EntryRow {
    readonly verdict: Verdict;
    /** UTF-8 JSON of a `BundleEntry`. */
    readonly json: Uint8Array;
}

/** Copies of one session that a user may send, each from a device of its own. */
const mostOfAUser = 8;

/** What is kept of a room. */
const tablesOfRooms = [
    "ready_entries",
    "entry_pages",
    "room_key_senders",
    "room_outsiders",
    "session_owners",
    "session_closings",
    "bundle_offers",
    "sharing_signs",
    "key_refusals",
    "unknown_room_arrivals",
];

/** So many pages are opened at most in one step of an export. */
const mostPages = 16;

/**
 * The ready bundle entries: one row a copy, with what decides which of a session's copies may be shared, and where its
 * sealed entry stands. Every call stands in a transaction of the caller.
 */
export class ReadyEntries {
    readonly #sql: DatabaseSync;
    readonly #pages: EntryPages;
    readonly #rows: EntryRows;
    readonly #judgements: Judgements;
    readonly #ownKey: string;

    constructor(sql: DatabaseSync, seal: Seal, ownKey: string) {
        this.#sql = sql;
        this.#pages = new EntryPages(sql, seal);
        this.#rows = new EntryRows(sql, ownKey);
        this.#judgements = new Judgements(sql, this.#pages, this.#rows);
        this.#ownKey = ownKey;
    }

    /**
     * Takes copies of sessions. Of those of one Olm sender the one that reaches furthest back stays. Answers how many
     * brought something.
     */
    store(arrivals: readonly Arrival[]): number {
        const ofRooms = Map.groupBy(arrivals, ({ seen }) => seen.entry.room_id);
        let brought = 0;
        for (const [roomId, ofRoom] of ofRooms) brought += this.#storeRoom(roomId, ofRoom);
        return brought;
    }

    /**
     * The same imports; undefined where one is not the session that was sent or imported before: a ratchet can be made
     * up under any ID.
     */
    fitting(imports: readonly Arrival[]): readonly (Arrival | undefined)[] {
        const readers = new Map<string, EntryReader>();
        return imports.map((arrival) => {
            const { entry } = arrival.seen;
            const reader = readers.get(entry.room_id) ?? new EntryReader(this.#pages, entry.room_id);
            readers.set(entry.room_id, reader);
            const copies = this.#rows.ofSession({ roomId: entry.room_id, sessionId: entry.session_id });
            const known =
                copies.find(({ source }) => source === "sent") ?? copies.find(({ source }) => source === "import");
            const held = known === undefined ? undefined : reader.read(known)?.session_key;
            return held === undefined || areOfOneSession(entry.session_key, held) ? arrival : undefined;
        });
    }

    /**
     * A sender's word about a session of which the machine could not read the key. Answers whether it changed anything.
     */
    hear({ roomId, sessionId, senderKey }: SessionKey, { claim, sender }: SenderClaim): boolean {
        // A yes spelt as the machine does not read it would look like silence.
        if (claim === "absent") return false;
        const theirs = this.#rows.ofSession({ roomId, sessionId }).filter((copy) => copy.senderKey === senderKey);
        const known = theirs.find(({ source, by }) => source === "sent" && by === sender);
        // Of what others say to be theirs, they can only be heard to close it.
        if (known === undefined)
            return (
                claim === "false" &&
                theirs.length > 0 &&
                this.#judgements.close(roomId, sender, [{ sessionId, senderKey }]) > 0
            );
        const flags = mergeFlags(known, false, claim);
        if (flags.claim === known.claim) return false;
        this.#rows.setFlags(known, flags);
        this.#judgements.renew(roomId, [sessionId]);
        return true;
    }

    /** @see {@link Judgements.setOwners} */
    setOwners(owners: readonly SessionOwner[]): ReadonlySet<string> {
        return this.#judgements.setOwners(owners);
    }

    /** @see {@link Judgements.setOutsiders}; of what they sent only some is kept. */
    setOutsiders(roomId: string, userIds: readonly string[]): boolean {
        const changed = this.#judgements.setOutsiders(roomId, userIds);
        const gone = forgetOutsidersKeys(this.#sql, this.#pages, this.#rows, roomId);
        return this.#judgements.renew(roomId, gone).size > 0 || changed;
    }

    /** @see {@link Judgements.outsiders} */
    outsiders(roomId: string): ReadonlySet<string> {
        return this.#judgements.outsiders(roomId);
    }

    /** What we have of these sessions of a room: the copy that counts, or else anybody's. */
    ofSessions(roomId: string, sessionIds: readonly string[]): readonly BundleEntry[] {
        const reader = new EntryReader(this.#pages, roomId);
        const find = this.#sql.prepare(
            "SELECT page, start, length FROM ready_entries WHERE room_id = ? AND session_id = ? ORDER BY verdict = 'aside', first_index LIMIT 1",
        );
        return sessionIds.flatMap((sessionId) => {
            const row = find.get(roomId, sessionId);
            if (row === undefined) return [];
            return reader.read(placeIn(row)) ?? [];
        });
    }

    /** Who sent or gave sessions of the room. */
    senders(roomId: string): readonly string[] {
        const rows = this.#sql
            .prepare("SELECT user_id FROM room_key_senders WHERE room_id = ? ORDER BY user_id")
            .all(roomId);
        return rows.map((row) => textOf(row, "user_id"));
    }

    /** Judges every session anew of which there is more than one copy, or somebody's word that it is closed. */
    judgeDisputed(): void {
        const disputed = this.#sql
            .prepare(
                `SELECT room_id, session_id FROM ready_entries GROUP BY room_id, session_id HAVING count(*) > 1
                 UNION SELECT room_id, session_id FROM session_closings`,
            )
            .all();
        for (const [roomId, rows] of Map.groupBy(disputed, (row) => textOf(row, "room_id")))
            this.#judgements.renew(
                roomId,
                rows.map((row) => textOf(row, "session_id")),
            );
    }

    holdings(roomId: string): RoomHoldings {
        const rows = this.#sql
            .prepare("SELECT verdict, count(*) AS n FROM ready_entries WHERE room_id = ? GROUP BY verdict")
            .all(roomId);
        const counts = new Map(rows.map((row) => [textOf(row, "verdict"), numberOf(row, "n")]));
        const count = (wanted: Verdict): number => counts.get(wanted) ?? 0;
        return { shareable: count("shareable"), notShareable: count("withheld"), unknown: count("unknown") };
    }

    shareableSet(roomId: string): ShareableSet {
        const sums = this.#sql
            .prepare(
                "SELECT count(*) AS n, sum(length) AS bytes FROM ready_entries WHERE room_id = ? AND verdict = 'shareable'",
            )
            .get(roomId);
        return {
            version: this.version(roomId),
            sessions: numberOf(sums, "n"),
            bytes: numberOrNothing(sums, "bytes") ?? 0,
            outsiders: [...this.#judgements.outsiders(roomId)].toSorted(),
        };
    }

    /** Another one after every change of what a bundle of the room would hold; empty if nothing ever changed. */
    version(roomId: string): string {
        return this.#rows.version(roomId);
    }

    forget(roomId: string): void {
        for (const table of tablesOfRooms) this.#sql.prepare(`DELETE FROM ${table} WHERE room_id = ?`).run(roomId);
        this.#rows.renew(roomId);
    }

    /** Forgets a room of which no session is left, as if nobody had ever heard of it: it never had a bundle. */
    forgetIfEmpty(roomId: string): void {
        const find = "SELECT 1 FROM ready_entries WHERE room_id = ? LIMIT 1";
        if (this.#sql.prepare(find).get(roomId) !== undefined) return;
        this.forget(roomId);
        this.#sql.prepare("DELETE FROM room_versions WHERE room_id = ?").run(roomId);
    }

    /**
     * Some sessions of a room, whatever the verdict, and where to go on; `next` is undefined after the last. They come
     * in the order of their rows' numbers: a row keeps its number when its entry moves to another page, so that a
     * session that was there when the first were asked for comes once, whatever happens between two calls. Entries that
     * came together mostly lie together, so that few pages are opened for them.
     */
    following(
        roomId: string,
        after: number,
        limit: number,
    ): { readonly rows: readonly EntryRow[]; readonly next: number | undefined } {
        const found = this.#sql
            .prepare(
                `SELECT rowid AS id, verdict, page, start, length FROM ready_entries NOT INDEXED
                 WHERE rowid > ? AND room_id = ? AND verdict <> 'aside' ORDER BY rowid LIMIT ?`,
            )
            .all(after, roomId, limit);
        const pages = new Set<number>();
        const end = found.findIndex((row) => pages.add(numberOf(row, "page")).size > mostPages);
        const taken = end === -1 ? found : found.slice(0, end);
        const ended = end === -1 && found.length < limit;
        return { rows: this.#read(roomId, taken), next: ended ? undefined : numberOf(taken.at(-1), "id") };
    }

    #read(roomId: string, rows: readonly Row[]): readonly EntryRow[] {
        const entries = new Map<object, EntryRow>();
        // One page at a time is open, and of each only what is wanted is kept.
        for (const [page, ofPage] of Map.groupBy(rows, (row) => numberOf(row, "page"))) {
            const body = this.#pages.read(roomId, page) ?? new Uint8Array();
            for (const row of ofPage) {
                const start = numberOf(row, "start");
                const json = new Uint8Array(body.subarray(start, start + numberOf(row, "length")));
                entries.set(row, { verdict: wordOf(row, "verdict", verdicts), json });
            }
        }
        return rows.flatMap((row) => entries.get(row) ?? []);
    }

    #storeRoom(roomId: string, arrivals: readonly Arrival[]): number {
        const changed = new Set<string>();
        const fresh: NewCopy[] = [];
        for (const arrival of arrivals) {
            const { heard, seen } = arrival;
            const { entry } = seen;
            const name = { roomId, sessionId: entry.session_id };
            const copy = this.#copyOf(arrival);
            const known = this.#keptFor(name, copy);
            if (heard !== undefined) this.#rows.noteSender(roomId, heard.sender);
            const flags = mergeFlags(known, copy.machineFlag, heard?.claim);
            if (known === undefined || (isSameCopy(known, copy) && copy.firstIndex < known.firstIndex))
                fresh.push({ sessionId: name.sessionId, copy: { ...copy, ...flags }, entry, known });
            else if (differ(flags, known)) this.#rows.setFlags(known, flags);
            else continue;
            changed.add(name.sessionId);
        }
        writeCopies(this.#pages, this.#rows, roomId, fresh);
        this.#judgements.renew(roomId, changed);
        this.#pages.merge(roomId);
        return changed.size;
    }

    /** The row that this copy adds to: its own, or one of the user's if they send the session from too many devices. */
    #keptFor(name: SessionName, copy: NewCopy["copy"]): KnownRow | undefined {
        const copies = this.#rows.ofSession(name);
        const same = copies.find((one) => isSameCopy(one, copy));
        const theirs = copies.filter(({ source, by }) => source === "sent" && by === copy.by);
        return same ?? (copy.source === "sent" && theirs.length >= mostOfAUser ? theirs[0] : undefined);
    }

    #copyOf({ source, seen: { firstIndex, machineFlag, entry }, heard }: Arrival): NewCopy["copy"] {
        return {
            source,
            by: heard?.sender,
            senderKey: entry.sender_key,
            own: source === "sent" && entry.sender_key === this.#ownKey,
            firstIndex,
            machineFlag,
            claim: heard?.claim ?? "none",
            receivedAt: heard?.at,
        };
    }
}

function isSameCopy(one: NewCopy["copy"], other: NewCopy["copy"]): boolean {
    return one.source === other.source && one.by === other.by && one.senderKey === other.senderKey;
}

function differ(one: FlagFacts, other: FlagFacts): boolean {
    return one.claim !== other.claim || one.machineFlag !== other.machineFlag;
}
