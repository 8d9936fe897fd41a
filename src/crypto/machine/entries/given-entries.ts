import type { DatabaseSync } from "node:sqlite";
import type { Seal } from "../../../sealing/index.ts";
import { EntryPages } from "./entry-pages.ts";
import { EntryRows, type KnownRow } from "./entry-rows.ts";
import { EntryReader } from "./entry.ts";
import { readSessionKey } from "./exported-session-key.ts";
import { Judgements } from "./judgements.ts";
import { areOfOneSession, hashesBetween } from "./megolm-ratchet.ts";
import type { RoomKeyExport } from "./room-key-export.ts";
import { type NewCopy, removeCopy, writeCopies } from "./write-copies.ts";

/** What became of sessions of a bundle. */
export interface TakenKeys {
    /** How many brought something. */
    readonly taken: number;
    /** How many are not of the session that they name. */
    readonly refused: number;
    /** How many were looked at: all, or the first. */
    readonly looked: number;
    /** How often ratchets were hashed to see it (`hashesBetween`). */
    readonly hashed: number;
}

/**
 * Of a session that stands in a bundle: where its key there begins, the copy that somebody sent, and the one that this
 * giver gave before.
 */
interface Known {
    readonly firstIndex: number;
    readonly sent: KnownRow | undefined;
    readonly given: KnownRow | undefined;
}

/** A session that its sender closed, as a bundle says. */
export interface GivenWithheld {
    readonly sessionId: string;
    readonly senderKey: string;
}

/**
 * What somebody's room key bundle gave us. It goes into the ready entries, where the law of sessions (`session-law.ts`)
 * weighs it: a bundle is unsigned, and a copy in it may be made up. Every call stands in a transaction of the caller.
 */
export class GivenEntries {
    readonly #pages: EntryPages;
    readonly #rows: EntryRows;
    readonly #judgements: Judgements;
    readonly #roomId: string;
    readonly #giver: string;

    constructor(
        sql: DatabaseSync,
        seal: Seal,
        ownKey: string,
        { roomId, giver }: { readonly roomId: string; readonly giver: string },
    ) {
        this.#pages = new EntryPages(sql, seal);
        this.#rows = new EntryRows(sql, ownKey);
        this.#judgements = new Judgements(sql, this.#pages, this.#rows);
        this.#roomId = roomId;
        this.#giver = giver;
    }

    /**
     * Takes sessions of the room, checked by `normaliseRoomKey`, as many as the time allows. Of two copies of one the
     * first counts.
     * @param until by the monotonic clock, in milliseconds; the first is taken in any case
     */
    take(entries: readonly RoomKeyExport[], until = Number.POSITIVE_INFINITY): TakenKeys {
        const fresh: NewCopy[] = [];
        let [refused, looked, hashed] = [0, 0, 0];
        const seen = new Set<string>();
        const reader = new EntryReader(this.#pages, this.#roomId);
        for (const entry of entries) {
            if (looked > 0 && performance.now() >= until) break;
            looked++;
            if (seen.has(entry.session_id)) continue;
            seen.add(entry.session_id);
            const asked = this.#ask(entry);
            if (asked === undefined) continue;
            if (asked.sent !== undefined) hashed += hashesBetween(asked.sent.firstIndex, asked.firstIndex);
            if (this.#isMadeUp(entry, asked, reader)) refused++;
            else fresh.push(this.#copyOf(entry, asked));
        }
        if (fresh.length > 0) this.#rows.noteSender(this.#roomId, this.#giver);
        writeCopies(this.#pages, this.#rows, this.#roomId, fresh);
        const changed = this.#judgements.renew(
            this.#roomId,
            fresh.map(({ sessionId }) => sessionId),
        );
        this.#pages.merge(this.#roomId);
        return { taken: changed.size, refused, looked, hashed };
    }

    /** Keeps these, unless there are too many; answers how many are new. */
    takeWithheld(records: readonly GivenWithheld[]): number {
        return this.#judgements.close(this.#roomId, this.#giver, records);
    }

    /**
     * What we have of the session; undefined: nothing that the entry could better. A giver has one copy of each, which
     * reaches furthest back.
     */
    #ask(entry: RoomKeyExport): Known | undefined {
        const firstIndex = readSessionKey(entry.session_key)?.firstIndex;
        if (firstIndex === undefined) return undefined;
        const copies = this.#rows.ofSession({ roomId: this.#roomId, sessionId: entry.session_id });
        const isBetter = copies.every(
            ({ source, by, senderKey, firstIndex: known }) =>
                known > firstIndex ||
                !((source === "sent" && senderKey === entry.sender_key) || (source === "bundle" && by === this.#giver)),
        );
        if (!isBetter) return undefined;
        const [sent] = copies
            .filter(({ source }) => source === "sent")
            .toSorted((one, other) => one.firstIndex - other.firstIndex);
        return { firstIndex, sent, given: copies.find(({ source, by }) => source === "bundle" && by === this.#giver) };
    }

    #isMadeUp(entry: RoomKeyExport, { sent }: Known, reader: EntryReader): boolean {
        return sent !== undefined && !areOfOneSession(entry.session_key, reader.read(sent)?.session_key ?? "");
    }

    #copyOf(entry: RoomKeyExport, { firstIndex, given }: Known): NewCopy {
        const isSameRow = given?.senderKey === entry.sender_key;
        if (given !== undefined && !isSameRow) removeCopy(this.#pages, this.#rows, this.#roomId, given);
        return {
            sessionId: entry.session_id,
            entry,
            known: isSameRow ? given : undefined,
            copy: {
                source: "bundle",
                by: this.#giver,
                senderKey: entry.sender_key,
                own: false,
                firstIndex,
                // Whoever gives a session away takes it for shareable. Source: MSC4268, "Key bundle format".
                machineFlag: true,
                claim: "none",
                receivedAt: undefined,
            },
        };
    }
}
