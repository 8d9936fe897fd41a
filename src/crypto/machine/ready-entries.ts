import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Seal } from "../../sealing/index.ts";
import type { RoomHoldings, ShareableSet } from "../port.ts";
import { type BundleEntry, bundleEntry } from "./bundle.ts";
import { EntryPages, type Place } from "./entry-pages.ts";
import { type Claim, type FlagFacts, mergeFlags, type Sighting, type SpokenClaim, type Verdict, verdict } from "./flags.ts";

/**
 * Which session a row is about. The sender's key is the Curve25519 key that the machine authenticated:
 * without it a stranger who names somebody else's session ID would speak for them.
 */
export interface SessionKey {
    readonly roomId: string;
    readonly sessionId: string;
    readonly senderKey: string;
}

export interface SeenSession extends Sighting {
    readonly entry: BundleEntry;
}

/** What a sender's `m.room_key` said, and who that was: the user whom the machine found in the Olm message. */
export interface Word {
    readonly claim: SpokenClaim;
    readonly sender: string;
    /** Milliseconds since the epoch. */
    readonly at: number;
}

/** A session that the machine holds. `word` is undefined if it came without an `m.room_key`. */
export interface Arrival {
    readonly seen: SeenSession;
    readonly word: Word | undefined;
}

export interface EntryRow {
    readonly verdict: Verdict;
    /** UTF-8 JSON of a `BundleEntry`. */
    readonly json: Uint8Array;
}

interface KnownRow extends FlagFacts, Sighting {
    readonly verdict: Verdict;
    readonly page: number;
}

const BY_KEY = "room_id = ? AND session_id = ? AND sender_key = ?";

/** The ready bundle entries: one row a session, with what decides whether it may be shared, and where its sealed entry stands. Every call stands in a transaction of the caller. */
export class ReadyEntries {
    readonly #sql: DatabaseSync;
    readonly #pages: EntryPages;
    readonly #ownKey: string;
    /** Rooms that have a new version already: one is enough for one commit. */
    readonly #renewed = new Set<string>();

    constructor(sql: DatabaseSync, seal: Seal, ownKey: string) {
        this.#sql = sql;
        this.#pages = new EntryPages(sql, seal);
        this.#ownKey = ownKey;
    }

    /** Takes sessions that the machine holds, each key at most once. */
    store(arrivals: readonly Arrival[]): void {
        const ofRooms = Map.groupBy(arrivals, ({ seen }) => seen.entry.room_id);
        for (const [roomId, ofRoom] of ofRooms) this.#storeRoom(roomId, ofRoom);
    }

    /** A sender's word about a session that the machine did not report anew: it fills silence and nothing else. Answers whether it did. */
    hear(key: SessionKey, { claim }: Word): boolean {
        const known = this.#find(key);
        if (known === undefined) return false;
        const flags = mergeFlags(known, known, claim);
        if (flags.claim === known.claim) return false;
        this.#setFlags(key, known, flags);
        return true;
    }

    /** The operator imported these: whoever sent them before is of no account. */
    trust(keys: Iterable<SessionKey>): void {
        const update = this.#sql.prepare(`UPDATE ready_entries SET received_from = NULL WHERE ${BY_KEY} AND received_from IS NOT NULL`);
        for (const { roomId, sessionId, senderKey } of keys) {
            if (update.run(roomId, sessionId, senderKey).changes > 0) this.#renew(roomId);
        }
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
        return String(this.#sql.prepare("SELECT version FROM room_versions WHERE room_id = ?").get(roomId)?.["version"] ?? "");
    }

    forget(roomId: string): void {
        for (const table of ["ready_entries", "entry_pages", "room_key_senders"])
            this.#sql.prepare(`DELETE FROM ${table} WHERE room_id = ?`).run(roomId);
        this.#renew(roomId);
    }

    /** A page of all sessions of a room, whatever the verdict. */
    page(roomId: string, offset: number, limit: number): readonly EntryRow[] {
        const rows = this.#sql
            .prepare(
                "SELECT verdict, page, start, length FROM ready_entries WHERE room_id = ? ORDER BY session_id, sender_key LIMIT ? OFFSET ?",
            )
            .all(roomId, limit, offset);
        // Sessions that stand beside each other here came at different times: one page at a time is open, and of each only what is wanted is kept.
        const found = new Map<(typeof rows)[number], EntryRow>();
        for (const [page, ofPage] of Map.groupBy(rows, (row) => Number(row["page"]))) {
            const body = this.#pages.read(roomId, page) ?? new Uint8Array();
            for (const row of ofPage) {
                const start = Number(row["start"]);
                found.set(row, {
                    verdict: readVerdict(row["verdict"]),
                    json: Uint8Array.from(body.subarray(start, start + Number(row["length"]))),
                });
            }
        }
        return rows.flatMap((row) => found.get(row) ?? []);
    }

    #storeRoom(roomId: string, arrivals: readonly Arrival[]): void {
        const fresh: { readonly key: SessionKey; readonly arrival: Arrival; readonly known: KnownRow | undefined }[] = [];
        for (const arrival of arrivals) {
            const { entry, firstIndex } = arrival.seen;
            const key = { roomId, sessionId: entry.session_id, senderKey: entry.sender_key };
            const known = this.#find(key);
            if (known !== undefined && known.firstIndex < firstIndex) {
                this.#setFlags(key, known, mergeFlags(known, arrival.seen, arrival.word?.claim));
            } else fresh.push({ key, arrival, known });
        }
        const places = this.#pages.add(
            roomId,
            fresh.map(({ arrival }) => Buffer.from(JSON.stringify(bundleEntry(arrival.seen.entry)))),
        );
        for (const [index, { key, arrival, known }] of fresh.entries()) {
            const place = places[index];
            if (place !== undefined) this.#put(key, arrival, known, place);
        }
        this.#pages.merge(roomId);
    }

    #put(key: SessionKey, { seen, word }: Arrival, known: KnownRow | undefined, { page, start, length }: Place): void {
        const { roomId, sessionId, senderKey } = key;
        const flags = mergeFlags(known, seen, word?.claim);
        const judged = this.#verdict(key, flags);
        if (known !== undefined) this.#pages.drop(known.page);
        this.#sql
            .prepare(
                `INSERT INTO ready_entries
                    (room_id, session_id, sender_key, first_index, machine_flag, claim, verdict, page, start, length, received_from, received_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET first_index = excluded.first_index, machine_flag = excluded.machine_flag, claim = excluded.claim,
                    verdict = excluded.verdict, page = excluded.page, start = excluded.start, length = excluded.length`,
            )
            .run(
                roomId,
                sessionId,
                senderKey,
                seen.firstIndex,
                Number(flags.machineFlag),
                flags.claim,
                judged,
                page,
                start,
                length,
                word?.sender ?? null,
                word?.at ?? null,
            );
        if (word !== undefined) this.#sql.prepare("INSERT OR IGNORE INTO room_key_senders VALUES (?, ?)").run(roomId, word.sender);
        if (judged !== "unknown" || (known !== undefined && known.verdict !== "unknown")) this.#renew(roomId);
    }

    #find(key: SessionKey): KnownRow | undefined {
        const row = this.#sql
            .prepare(`SELECT first_index, machine_flag, claim, verdict, page FROM ready_entries WHERE ${BY_KEY}`)
            .get(key.roomId, key.sessionId, key.senderKey);
        if (row === undefined) return undefined;
        return {
            firstIndex: Number(row["first_index"]),
            machineFlag: row["machine_flag"] === 1,
            claim: readClaim(row["claim"]),
            verdict: readVerdict(row["verdict"]),
            page: Number(row["page"]),
        };
    }

    #setFlags(key: SessionKey, known: KnownRow, flags: FlagFacts): void {
        const judged = this.#verdict(key, flags);
        this.#sql
            .prepare(`UPDATE ready_entries SET machine_flag = ?, claim = ?, verdict = ? WHERE ${BY_KEY}`)
            .run(Number(flags.machineFlag), flags.claim, judged, key.roomId, key.sessionId, key.senderKey);
        if (judged !== known.verdict) this.#renew(key.roomId);
    }

    #verdict(key: SessionKey, flags: FlagFacts): Verdict {
        return verdict(flags, key.senderKey === this.#ownKey);
    }

    /** Random, so that a store that was put back to an earlier state never gives a version a second time. */
    #renew(roomId: string): void {
        if (this.#renewed.has(roomId)) return;
        this.#renewed.add(roomId);
        this.#sql.prepare("INSERT OR REPLACE INTO room_versions VALUES (?, ?)").run(roomId, randomBytes(12).toString("base64url"));
    }
}

function readClaim(value: unknown): Claim {
    return (["true", "false", "absent"] as const).find((claim) => claim === value) ?? "none";
}

function readVerdict(value: unknown): Verdict {
    return (["shareable", "withheld"] as const).find((known) => known === value) ?? "unknown";
}
