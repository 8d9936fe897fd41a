import type { DatabaseSync } from "node:sqlite";
import type { Seal } from "../../sealing/index.ts";
import type { RoomHoldings, ShareableSet } from "../port.ts";
import { type BundleEntry, bundleEntry } from "./bundle.ts";
import { EntryReader } from "./entry.ts";
import { EntryPages } from "./entry-pages.ts";
import { EntryRows, type KnownRow, readVerdict, type SessionKey } from "./entry-rows.ts";
import { mergeFlags, type Sighting, type Verdict } from "./flags.ts";
import { leadsTo } from "./megolm-ratchet.ts";
import { isUnvouched, type Merged, mergeReported, type Word } from "./merge-copies.ts";

export interface SeenSession extends Sighting {
    readonly entry: BundleEntry;
}

/** A copy of a session. `word` is undefined if it came without an `m.room_key`. */
export interface Arrival {
    readonly seen: SeenSession;
    readonly word: Word | undefined;
}

export interface EntryRow {
    readonly verdict: Verdict;
    /** UTF-8 JSON of a `BundleEntry`. */
    readonly json: Uint8Array;
}

/** So many pages are opened at most in one step of an export. */
const mostPages = 16;

/** The ready bundle entries: one row a session, with what decides whether it may be shared, and where its sealed entry stands. Every call stands in a transaction of the caller. */
export class ReadyEntries {
    readonly #sql: DatabaseSync;
    readonly #pages: EntryPages;
    readonly #rows: EntryRows;
    readonly #ownKey: string;

    constructor(sql: DatabaseSync, seal: Seal, ownKey: string) {
        this.#sql = sql;
        this.#pages = new EntryPages(sql, seal);
        this.#rows = new EntryRows(sql, ownKey);
        this.#ownKey = ownKey;
    }

    /** Takes copies of sessions, each key at most once. Answers how many of them brought something. */
    store(arrivals: readonly Arrival[]): number {
        const ofRooms = Map.groupBy(arrivals, ({ seen }) => seen.entry.room_id);
        let brought = 0;
        for (const [roomId, ofRoom] of ofRooms) brought += this.#storeRoom(roomId, ofRoom);
        return brought;
    }

    /** A sender's word about a session of which the machine could not read the key. Answers whether it changed anything. */
    hear(key: SessionKey, { claim }: Word): boolean {
        const known = this.#rows.find(key);
        // A yes spelt as the machine does not read it would look like silence. And of what a bundle alone speaks for, only a no can be meant.
        if (known === undefined || claim === "absent" || (isUnvouched(known) && claim !== "false")) return false;
        const flags = mergeFlags(known, false, claim);
        if (flags.claim === known.claim) return false;
        this.#rows.setFlags(key, known, flags);
        return true;
    }

    /** Whether all that speaks for the session is a bundle that somebody gave us. */
    isUnvouched(key: SessionKey): boolean {
        const known = this.#rows.find(key);
        return known !== undefined && isUnvouched(known);
    }

    /** The operator imported these: whoever sent or gave them before is of no account. */
    trust(keys: Iterable<SessionKey>): void {
        for (const key of keys) {
            const known = this.#rows.find(key);
            if (known?.receivedFrom === undefined && known?.givenBy === undefined) continue;
            this.#rows.setOrigin(key, { receivedFrom: undefined, receivedAt: known.receivedAt, givenBy: undefined });
        }
    }

    /** What we have of these sessions of a room, whoever sent it; of several copies the one that reaches furthest back. */
    ofSessions(roomId: string, sessionIds: readonly string[]): readonly BundleEntry[] {
        const reader = new EntryReader(this.#pages, roomId);
        const find = this.#sql.prepare(
            "SELECT page, start, length FROM ready_entries WHERE room_id = ? AND session_id = ? ORDER BY first_index LIMIT 1",
        );
        return sessionIds.flatMap((sessionId) => {
            const row = find.get(roomId, sessionId);
            if (row === undefined) return [];
            return reader.read({ page: Number(row["page"]), start: Number(row["start"]), length: Number(row["length"]) }) ?? [];
        });
    }

    holdings(roomId: string): RoomHoldings {
        const rows = this.#sql.prepare("SELECT verdict, count(*) AS n FROM ready_entries WHERE room_id = ? GROUP BY verdict").all(roomId);
        const count = (wanted: Verdict) => Number(rows.find((row) => row["verdict"] === wanted)?.["n"] ?? 0);
        return { shareable: count("shareable"), notShareable: count("withheld"), unknown: count("unknown") };
    }

    shareableSet(roomId: string): ShareableSet {
        const sums = this.#sql
            .prepare("SELECT count(*) AS n, sum(length) AS bytes FROM ready_entries WHERE room_id = ? AND verdict = 'shareable'")
            .get(roomId);
        const senders = this.#sql.prepare("SELECT user_id FROM room_key_senders WHERE room_id = ? ORDER BY user_id").all(roomId);
        return {
            version: this.version(roomId),
            sessions: Number(sums?.["n"]),
            bytes: Number(sums?.["bytes"] ?? 0),
            senders: senders.map((row) => String(row["user_id"])),
        };
    }

    /** Another one after every change of what a bundle of the room would hold; empty if nothing ever changed. */
    version(roomId: string): string {
        return this.#rows.version(roomId);
    }

    forget(roomId: string): void {
        for (const table of ["ready_entries", "entry_pages", "room_key_senders", "given_withheld", "bundle_offers", "sharing_signs"])
            this.#sql.prepare(`DELETE FROM ${table} WHERE room_id = ?`).run(roomId);
        this.#rows.renew(roomId);
    }

    /**
     * Some sessions of a room, whatever the verdict, and where to go on; `next` is undefined after the last. They come in the order of their rows'
     * numbers: a row keeps its number when its entry moves to another page, so that a session that was there when the first were asked for comes
     * once, whatever happens between two calls. Entries that came together mostly lie together, so that few pages are opened for them.
     */
    following(roomId: string, after: number, limit: number): { readonly rows: readonly EntryRow[]; readonly next: number | undefined } {
        const found = this.#sql
            .prepare(
                `SELECT rowid AS id, verdict, page, start, length FROM ready_entries NOT INDEXED
                 WHERE rowid > ? AND room_id = ? ORDER BY rowid LIMIT ?`,
            )
            .all(after, roomId, limit);
        const pages = new Set<unknown>();
        const end = found.findIndex((row) => pages.add(row["page"]).size > mostPages);
        const taken = end === -1 ? found : found.slice(0, end);
        const ended = end === -1 && found.length < limit;
        return { rows: this.#read(roomId, taken), next: ended ? undefined : Number(taken.at(-1)?.["id"]) };
    }

    #read(roomId: string, rows: readonly Readonly<Record<string, unknown>>[]): readonly EntryRow[] {
        const entries = new Map<object, EntryRow>();
        // One page at a time is open, and of each only what is wanted is kept.
        for (const [page, ofPage] of Map.groupBy(rows, (row) => Number(row["page"]))) {
            const body = this.#pages.read(roomId, page) ?? new Uint8Array();
            for (const row of ofPage) {
                const start = Number(row["start"]);
                const json = new Uint8Array(body.subarray(start, start + Number(row["length"])));
                entries.set(row, { verdict: readVerdict(row["verdict"]), json });
            }
        }
        return rows.flatMap((row) => entries.get(row) ?? []);
    }

    #storeRoom(roomId: string, arrivals: readonly Arrival[]): number {
        const fresh: {
            readonly key: SessionKey;
            readonly arrival: Arrival;
            readonly known: KnownRow | undefined;
            readonly merged: Merged;
        }[] = [];
        const reader = new EntryReader(this.#pages, roomId);
        let kept = 0;
        for (const arrival of arrivals) {
            const { entry } = arrival.seen;
            const key = { roomId, sessionId: entry.session_id, senderKey: entry.sender_key };
            const known = this.#rows.find(key);
            const merged = this.#merge(key, known, arrival, reader);
            if (arrival.word !== undefined) this.#rows.noteSender(roomId, arrival.word.sender);
            if (known !== undefined && merged.keepsKey) kept += Number(this.#keep(key, known, merged));
            else fresh.push({ key, arrival, known, merged });
        }
        const places = this.#pages.add(
            roomId,
            fresh.map(({ arrival }) => Buffer.from(JSON.stringify(bundleEntry(arrival.seen.entry)))),
        );
        for (const [index, { key, arrival, known, merged }] of fresh.entries()) {
            const place = places[index];
            if (place === undefined) continue;
            if (known !== undefined) this.#pages.drop(known.page);
            const { firstIndex } = arrival.seen;
            this.#rows.put(key, { ...merged.flags, ...merged.origin, ...place, firstIndex }, known);
        }
        this.#pages.merge(roomId);
        return fresh.length + kept;
    }

    #merge(key: SessionKey, known: KnownRow | undefined, { seen, word }: Arrival, reader: EntryReader): Merged {
        const sameSession = (): boolean => {
            const held = known === undefined ? undefined : reader.read(known)?.session_key;
            if (known === undefined || held === undefined) return false;
            const ours = seen.entry.session_key;
            return known.firstIndex < seen.firstIndex ? leadsTo(held, ours) : leadsTo(ours, held);
        };
        return mergeReported(known, seen, word, { own: key.senderKey === this.#ownKey, sameSession });
    }

    #keep(key: SessionKey, known: KnownRow, { flags, origin }: Merged): boolean {
        const isNews = flags.claim !== known.claim || flags.machineFlag !== known.machineFlag;
        if (isNews) this.#rows.setFlags(key, known, flags);
        if (isUnvouched(known)) this.#rows.setOrigin(key, origin);
        return isNews;
    }
}
