import type { DatabaseSync } from "node:sqlite";
import type { Seal } from "../../sealing/index.ts";
import type { RoomHoldings } from "../port.ts";
import { type BundleEntry, bundleEntry, type ShareableSession, type WithheldSession } from "./bundle.ts";
import { type Claim, type FlagFacts, mergeFlags, type SpokenClaim, type Sighting, type Verdict, verdict } from "./flags.ts";

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

export interface EntryRow {
    readonly verdict: Verdict;
    /** UTF-8 JSON of a `BundleEntry`. */
    readonly json: Uint8Array;
}

interface KnownRow extends FlagFacts, Sighting {}

const BY_KEY = "room_id = ? AND session_id = ? AND sender_key = ?";

/** The ready bundle entries: one row a session, sealed, with what decides whether it may be shared. Every call stands in a transaction of the caller. */
export class ReadyEntries {
    readonly #sql: DatabaseSync;
    readonly #seal: Seal;
    readonly #ownKey: string;

    constructor(sql: DatabaseSync, seal: Seal, ownKey: string) {
        this.#sql = sql;
        this.#seal = seal;
        this.#ownKey = ownKey;
    }

    /** Takes a session that the machine holds. `claim` is what the sender said with this copy; undefined if it came without `m.room_key`. */
    store(seen: SeenSession, claim: SpokenClaim | undefined): void {
        const { room_id: roomId, session_id: sessionId, sender_key: senderKey } = seen.entry;
        const key = { roomId, sessionId, senderKey };
        const known = this.#find(key);
        const flags = mergeFlags(known, seen, claim);
        const firstIndex = Math.min(seen.firstIndex, known?.firstIndex ?? seen.firstIndex);
        if (known !== undefined && known.firstIndex < seen.firstIndex) return this.#setFlags(key, flags);
        const entry = this.#seal.seal(place(key), Buffer.from(JSON.stringify(bundleEntry(seen.entry))));
        this.#sql
            .prepare("INSERT OR REPLACE INTO ready_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            .run(roomId, sessionId, senderKey, firstIndex, Number(flags.machineFlag), flags.claim, this.#verdict(key, flags), entry);
    }

    /** A sender's word about a session that the machine did not report anew: it fills silence and nothing else. Answers whether it did. */
    hear(key: SessionKey, claim: SpokenClaim): boolean {
        const known = this.#find(key);
        if (known === undefined) return false;
        const flags = mergeFlags(known, known, claim);
        if (flags.claim === known.claim) return false;
        this.#setFlags(key, flags);
        return true;
    }

    holdings(roomId: string): RoomHoldings {
        const rows = this.#sql.prepare("SELECT verdict, count(*) AS n FROM ready_entries WHERE room_id = ? GROUP BY verdict").all(roomId);
        const count = (wanted: Verdict) => Number(rows.find((row) => row["verdict"] === wanted)?.["n"] ?? 0);
        return { shareable: count("shareable"), notShareable: count("withheld"), unknown: count("unknown") };
    }

    withheld(roomId: string): readonly WithheldSession[] {
        const rows = this.#sql
            .prepare("SELECT session_id, sender_key FROM ready_entries WHERE room_id = ? AND verdict = 'withheld'")
            .all(roomId);
        return rows.map((row) => keyOf(roomId, row));
    }

    /** To be read to its end within the transaction: a large room is never in memory at once. */
    *shareable(roomId: string): Generator<ShareableSession> {
        const rows = this.#sql
            .prepare("SELECT session_id, sender_key, entry FROM ready_entries WHERE room_id = ? AND verdict = 'shareable'")
            .iterate(roomId);
        for (const row of rows) {
            const key = keyOf(roomId, row);
            yield { sessionId: key.sessionId, entry: () => this.#open(key, row["entry"]) };
        }
    }

    forget(roomId: string): void {
        this.#sql.prepare("DELETE FROM ready_entries WHERE room_id = ?").run(roomId);
    }

    /** A page of all sessions of a room, whatever the verdict. */
    page(roomId: string, offset: number, limit: number): readonly EntryRow[] {
        const rows = this.#sql
            .prepare(
                "SELECT session_id, sender_key, verdict, entry FROM ready_entries WHERE room_id = ? ORDER BY session_id, sender_key LIMIT ? OFFSET ?",
            )
            .all(roomId, limit, offset);
        return rows.map((row) => ({ verdict: readVerdict(row["verdict"]), json: this.#open(keyOf(roomId, row), row["entry"]) }));
    }

    #open(key: SessionKey, sealed: unknown): Uint8Array {
        return this.#seal.open(place(key), sealed instanceof Uint8Array ? sealed : new Uint8Array());
    }

    #find(key: SessionKey): KnownRow | undefined {
        const row = this.#sql
            .prepare(`SELECT first_index, machine_flag, claim FROM ready_entries WHERE ${BY_KEY}`)
            .get(key.roomId, key.sessionId, key.senderKey);
        if (row === undefined) return undefined;
        return { firstIndex: Number(row["first_index"]), machineFlag: row["machine_flag"] === 1, claim: readClaim(row["claim"]) };
    }

    #setFlags(key: SessionKey, flags: FlagFacts): void {
        this.#sql
            .prepare(`UPDATE ready_entries SET machine_flag = ?, claim = ?, verdict = ? WHERE ${BY_KEY}`)
            .run(Number(flags.machineFlag), flags.claim, this.#verdict(key, flags), key.roomId, key.sessionId, key.senderKey);
    }

    #verdict(key: SessionKey, flags: FlagFacts): Verdict {
        return verdict(flags, key.senderKey === this.#ownKey);
    }
}

function keyOf(roomId: string, row: Readonly<Record<string, unknown>>): SessionKey {
    return { roomId, sessionId: String(row["session_id"]), senderKey: String(row["sender_key"]) };
}

function place(key: SessionKey): string {
    return JSON.stringify(["ready_entries", key.roomId, key.sessionId, key.senderKey]);
}

function readClaim(value: unknown): Claim {
    return (["true", "false", "absent"] as const).find((claim) => claim === value) ?? "none";
}

function readVerdict(value: unknown): Verdict {
    return (["shareable", "withheld"] as const).find((known) => known === value) ?? "unknown";
}
