import { randomBytes } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { flagOf, numberOf, numberOrNothing, type Row, textOf, textOrNothing, wordOf } from "../../../database/index.ts";
import type { Place } from "./entry-pages.ts";
import { claims, type FlagFacts, verdicts } from "./flags.ts";
import { type Copy, sources } from "./session-law.ts";

/** A session ID in a room. */
export interface SessionName {
    readonly roomId: string;
    readonly sessionId: string;
}

/**
 * Which copy of a session a row is about: of what was sent there is one for each Olm sender, of a bundle's one for each
 * giver.
 */
export interface CopyName extends SessionName, Pick<Copy, "source" | "by" | "senderKey"> {}

/** What is kept of a copy: where its entry stands, and when it came, in milliseconds since the epoch. */
export interface CopyRow extends Copy, Place {
    readonly receivedAt: number | undefined;
}

/** `aside`: a copy that is not the one that counts for its session. */
const rowVerdicts = [...verdicts, "aside"] as const;
export type RowVerdict = (typeof rowVerdicts)[number];

export interface KnownRow extends CopyRow {
    readonly id: number;
    readonly verdict: RowVerdict;
}

const columns =
    "rowid AS id, source, by_user, sender_key, first_index, machine_flag, claim, verdict, page, start, length, received_at";

/**
 * The rows of the ready entries, and the versions of the rooms' sets. Every call stands in a transaction of the caller.
 */
export class EntryRows {
    readonly #sql: DatabaseSync;
    readonly #ownKey: string;
    readonly #select: StatementSync;
    /** Rooms that have a new version already: one is enough for one commit. */
    readonly #renewed = new Set<string>();

    constructor(sql: DatabaseSync, ownKey: string) {
        this.#sql = sql;
        this.#ownKey = ownKey;
        this.#select = sql.prepare(`SELECT ${columns} FROM ready_entries WHERE room_id = ? AND session_id = ?`);
    }

    /** Every copy of the session. */
    ofSession({ roomId, sessionId }: SessionName): readonly KnownRow[] {
        return this.#select.all(roomId, sessionId).map((row) => this.#known(row));
    }

    /** The row keeps its number, which an export goes by; a new one stands aside until its session is judged. */
    put({ roomId, sessionId }: SessionName, row: CopyRow, known: KnownRow | undefined): void {
        this.#sql
            .prepare(
                `INSERT INTO ready_entries
                    (room_id, session_id, source, by_user, sender_key, first_index, machine_flag, claim, verdict, page, start, length, received_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'aside', ?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET first_index = excluded.first_index, machine_flag = excluded.machine_flag, claim = excluded.claim,
                    page = excluded.page, start = excluded.start, length = excluded.length`,
            )
            .run(
                roomId,
                sessionId,
                row.source,
                row.by ?? "",
                row.senderKey,
                row.firstIndex,
                Number(row.machineFlag),
                row.claim,
                row.page,
                row.start,
                row.length,
                row.receivedAt ?? null,
            );
        if (known !== undefined && isInBundles(known.verdict)) this.renew(roomId);
    }

    setFlags({ id }: KnownRow, { machineFlag, claim }: FlagFacts): void {
        this.#sql
            .prepare("UPDATE ready_entries SET machine_flag = ?, claim = ? WHERE rowid = ?")
            .run(Number(machineFlag), claim, id);
    }

    /** The row's entry stands elsewhere now. */
    setPlace({ roomId }: Pick<SessionName, "roomId">, { id }: KnownRow, { page, start, length }: Place): void {
        this.#sql
            .prepare("UPDATE ready_entries SET page = ?, start = ?, length = ? WHERE rowid = ?")
            .run(page, start, length, id);
        this.renew(roomId);
    }

    /** Answers whether that is another verdict than before. */
    setVerdict(
        { roomId }: Pick<SessionName, "roomId">,
        { id, verdict: before }: KnownRow,
        verdict: RowVerdict,
    ): boolean {
        if (verdict === before) return false;
        this.#sql.prepare("UPDATE ready_entries SET verdict = ? WHERE rowid = ?").run(verdict, id);
        if (isInBundles(before) || isInBundles(verdict)) this.renew(roomId);
        return true;
    }

    remove(roomId: string, { id, verdict }: KnownRow): void {
        this.#sql.prepare("DELETE FROM ready_entries WHERE rowid = ?").run(id);
        if (isInBundles(verdict)) this.renew(roomId);
    }

    /** Somebody brought sessions of the room: if it turns out that they were never in it, those count for nothing. */
    noteSender(roomId: string, userId: string): void {
        this.#sql.prepare("INSERT OR IGNORE INTO room_key_senders VALUES (?, ?)").run(roomId, userId);
    }

    version(roomId: string): string {
        return (
            textOrNothing(
                this.#sql.prepare("SELECT version FROM room_versions WHERE room_id = ?").get(roomId),
                "version",
            ) ?? ""
        );
    }

    /** Random, so that a store that was put back to an earlier state never gives a version a second time. */
    renew(roomId: string): void {
        if (this.#renewed.has(roomId)) return;
        this.#renewed.add(roomId);
        this.#sql
            .prepare("INSERT OR REPLACE INTO room_versions VALUES (?, ?)")
            .run(roomId, randomBytes(12).toString("base64url"));
    }

    #known(row: Row): KnownRow {
        const [source, senderKey] = [wordOf(row, "source", sources), textOf(row, "sender_key")];
        return {
            id: numberOf(row, "id"),
            source,
            by: textOf(row, "by_user") || undefined,
            senderKey,
            own: source === "sent" && senderKey === this.#ownKey,
            firstIndex: numberOf(row, "first_index"),
            machineFlag: flagOf(row, "machine_flag"),
            claim: wordOf(row, "claim", claims),
            verdict: wordOf(row, "verdict", rowVerdicts),
            page: numberOf(row, "page"),
            start: numberOf(row, "start"),
            length: numberOf(row, "length"),
            receivedAt: numberOrNothing(row, "received_at"),
        };
    }
}

function isInBundles(verdict: RowVerdict): boolean {
    return verdict === "shareable" || verdict === "withheld";
}

/** Of the row `closed` of `session_closings`, in SQL. */
export const closedByWordAlone = `
    NOT EXISTS (SELECT 1 FROM room_outsiders WHERE room_id = closed.room_id AND user_id = closed.user_id)
    AND NOT EXISTS (SELECT 1 FROM ready_entries WHERE room_id = closed.room_id AND session_id = closed.session_id AND verdict <> 'aside')`;
