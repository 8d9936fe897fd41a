import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Place } from "./entry-pages.ts";
import { type Claim, type FlagFacts, type Sighting, type Verdict, verdict } from "./flags.ts";

/**
 * Which session a row is about. The sender's key is the Curve25519 key that the machine authenticated (of a given row: that the giver names);
 * without it a stranger who names somebody else's session ID would speak for them.
 */
export interface SessionKey {
    readonly roomId: string;
    readonly sessionId: string;
    readonly senderKey: string;
}

/** How a session came to us. */
export interface Origin {
    /** Who sent it in an `m.room_key`; undefined: an import, a bundle or ourselves, or not known any more. */
    readonly receivedFrom: string | undefined;
    /** Milliseconds since the epoch. */
    readonly receivedAt: number | undefined;
    /** Whose room key bundle brought the copy that we keep. */
    readonly givenBy: string | undefined;
}

export interface KnownRow extends FlagFacts, Sighting, Origin, Place {
    readonly verdict: Verdict;
}

const BY_KEY = "room_id = ? AND session_id = ? AND sender_key = ?";

/** The rows of the ready entries, and the versions of the rooms' sets. Every call stands in a transaction of the caller. */
export class EntryRows {
    readonly #sql: DatabaseSync;
    readonly #ownKey: string;
    /** Rooms that have a new version already: one is enough for one commit. */
    readonly #renewed = new Set<string>();

    constructor(sql: DatabaseSync, ownKey: string) {
        this.#sql = sql;
        this.#ownKey = ownKey;
    }

    find(key: SessionKey): KnownRow | undefined {
        const row = this.#sql
            .prepare(
                `SELECT first_index, machine_flag, claim, verdict, page, start, length, received_from, received_at, given_by
                 FROM ready_entries WHERE ${BY_KEY}`,
            )
            .get(key.roomId, key.sessionId, key.senderKey);
        if (row === undefined) return undefined;
        return {
            firstIndex: Number(row["first_index"]),
            machineFlag: row["machine_flag"] === 1,
            claim: readClaim(row["claim"]),
            verdict: readVerdict(row["verdict"]),
            page: Number(row["page"]),
            start: Number(row["start"]),
            length: Number(row["length"]),
            receivedFrom: row["received_from"] === null ? undefined : String(row["received_from"]),
            receivedAt: row["received_at"] === null ? undefined : Number(row["received_at"]),
            givenBy: row["given_by"] === null ? undefined : String(row["given_by"]),
        };
    }

    /** The row keeps its number, which an export goes by. @param known the row as it was */
    put(key: SessionKey, row: FlagFacts & Sighting & Origin & Place, known: KnownRow | undefined): void {
        const judged = this.#verdict(key, row);
        this.#sql
            .prepare(
                `INSERT INTO ready_entries
                    (room_id, session_id, sender_key, first_index, machine_flag, claim, verdict, page, start, length, received_from, received_at, given_by)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET first_index = excluded.first_index, machine_flag = excluded.machine_flag, claim = excluded.claim,
                    verdict = excluded.verdict, page = excluded.page, start = excluded.start, length = excluded.length,
                    received_from = excluded.received_from, received_at = excluded.received_at, given_by = excluded.given_by`,
            )
            .run(
                key.roomId,
                key.sessionId,
                key.senderKey,
                row.firstIndex,
                Number(row.machineFlag),
                row.claim,
                judged,
                row.page,
                row.start,
                row.length,
                row.receivedFrom ?? null,
                row.receivedAt ?? null,
                row.givenBy ?? null,
            );
        if (judged !== "unknown" || (known !== undefined && known.verdict !== "unknown")) this.renew(key.roomId);
    }

    setFlags(key: SessionKey, known: KnownRow, flags: FlagFacts): void {
        const judged = this.#verdict(key, flags);
        this.#sql
            .prepare(`UPDATE ready_entries SET machine_flag = ?, claim = ?, verdict = ? WHERE ${BY_KEY}`)
            .run(Number(flags.machineFlag), flags.claim, judged, key.roomId, key.sessionId, key.senderKey);
        if (judged !== known.verdict) this.renew(key.roomId);
    }

    setOrigin(key: SessionKey, { receivedFrom, receivedAt, givenBy }: Origin): void {
        this.#sql
            .prepare(`UPDATE ready_entries SET received_from = ?, received_at = ?, given_by = ? WHERE ${BY_KEY}`)
            .run(receivedFrom ?? null, receivedAt ?? null, givenBy ?? null, key.roomId, key.sessionId, key.senderKey);
        this.renew(key.roomId);
    }

    /** Whether another sender's key claims the session. */
    isOfAnother({ roomId, sessionId, senderKey }: SessionKey): boolean {
        const select = this.#sql.prepare("SELECT 1 FROM ready_entries WHERE room_id = ? AND session_id = ? AND sender_key <> ?");
        return select.get(roomId, sessionId, senderKey) !== undefined;
    }

    /** Somebody brought sessions of the room: if it turns out that they were never in it, those stay out of bundles. */
    noteSender(roomId: string, userId: string): void {
        this.#sql.prepare("INSERT OR IGNORE INTO room_key_senders VALUES (?, ?)").run(roomId, userId);
    }

    version(roomId: string): string {
        return String(this.#sql.prepare("SELECT version FROM room_versions WHERE room_id = ?").get(roomId)?.["version"] ?? "");
    }

    /** Random, so that a store that was put back to an earlier state never gives a version a second time. */
    renew(roomId: string): void {
        if (this.#renewed.has(roomId)) return;
        this.#renewed.add(roomId);
        this.#sql.prepare("INSERT OR REPLACE INTO room_versions VALUES (?, ?)").run(roomId, randomBytes(12).toString("base64url"));
    }

    #verdict(key: SessionKey, flags: FlagFacts): Verdict {
        return verdict(flags, key.senderKey === this.#ownKey);
    }
}

function readClaim(value: unknown): Claim {
    return (["true", "false", "absent"] as const).find((claim) => claim === value) ?? "none";
}

export function readVerdict(value: unknown): Verdict {
    return (["shareable", "withheld"] as const).find((known) => known === value) ?? "unknown";
}
