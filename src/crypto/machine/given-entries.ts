import type { DatabaseSync } from "node:sqlite";
import type { Seal } from "../../sealing/index.ts";
import { EntryReader } from "./entry.ts";
import { EntryPages } from "./entry-pages.ts";
import { EntryRows } from "./entry-rows.ts";
import { readSessionKey } from "./exported-session-key.ts";
import { Judgements } from "./judgements.ts";
import { areOfOneSession } from "./megolm-ratchet.ts";
import type { RoomKeyExport } from "./room-key-export.ts";
import { type NewCopy, removeCopy, writeCopies } from "./write-copies.ts";

/** How many sessions of a bundle brought something, how many claim to be what they are not, and how many were looked at: all, or the first. */
export interface TakenKeys {
    readonly taken: number;
    readonly refused: number;
    readonly looked: number;
}

/** A session that its sender closed, as a bundle says. */
export interface GivenWithheld {
    readonly sessionId: string;
    readonly senderKey: string;
}

/**
 * What somebody's room key bundle gave us. It goes into the ready entries, where the law of sessions (`session-law.ts`) weighs it: a bundle is
 * unsigned, and a copy in it may be made up. Every call stands in a transaction of the caller.
 */
export class GivenEntries {
    readonly #pages: EntryPages;
    readonly #rows: EntryRows;
    readonly #judgements: Judgements;
    readonly #roomId: string;
    readonly #giver: string;

    constructor(sql: DatabaseSync, seal: Seal, ownKey: string, { roomId, giver }: { readonly roomId: string; readonly giver: string }) {
        this.#pages = new EntryPages(sql, seal);
        this.#rows = new EntryRows(sql, ownKey);
        this.#judgements = new Judgements(sql, this.#pages, this.#rows);
        this.#roomId = roomId;
        this.#giver = giver;
    }

    /**
     * Takes sessions of the room, checked by `normaliseRoomKey`, as many as the time allows. Of two copies of one the first counts.
     * @param until by the monotonic clock, in milliseconds; the first is taken in any case
     */
    take(entries: readonly RoomKeyExport[], until = Number.POSITIVE_INFINITY): TakenKeys {
        const fresh: NewCopy[] = [];
        let [refused, looked] = [0, 0];
        const seen = new Set<string>();
        const reader = new EntryReader(this.#pages, this.#roomId);
        for (const entry of entries) {
            if (looked > 0 && performance.now() >= until) break;
            looked++;
            if (seen.has(entry.session_id)) continue;
            seen.add(entry.session_id);
            const weighed = this.#weigh(entry, reader);
            if (weighed === "refused") refused++;
            else if (weighed !== "nothing") fresh.push(weighed);
        }
        if (fresh.length > 0) this.#rows.noteSender(this.#roomId, this.#giver);
        writeCopies(this.#pages, this.#rows, this.#roomId, fresh);
        const changed = this.#judgements.renew(
            this.#roomId,
            fresh.map(({ sessionId }) => sessionId),
        );
        this.#pages.merge(this.#roomId);
        return { taken: changed.size, refused, looked };
    }

    /** Keeps these, unless there are too many; answers how many are new. */
    takeWithheld(records: readonly GivenWithheld[]): number {
        return this.#judgements.close(this.#roomId, this.#giver, records);
    }

    /** A giver has one copy of each session here: the one that reaches furthest back. */
    #weigh(entry: RoomKeyExport, reader: EntryReader): NewCopy | "nothing" | "refused" {
        const firstIndex = readSessionKey(entry.session_key)?.firstIndex;
        if (firstIndex === undefined) return "refused";
        const copies = this.#rows.ofSession({ roomId: this.#roomId, sessionId: entry.session_id });
        const [sent] = copies.filter(({ source }) => source === "sent").toSorted((one, other) => one.firstIndex - other.firstIndex);
        if (sent !== undefined && !areOfOneSession(entry.session_key, reader.read(sent)?.session_key ?? "")) return "refused";
        const isNeeded = !copies.some(
            (known) => known.source === "sent" && known.senderKey === entry.sender_key && known.firstIndex <= firstIndex,
        );
        const known = copies.find(({ source, by }) => source === "bundle" && by === this.#giver);
        if (!isNeeded || (known !== undefined && known.firstIndex <= firstIndex)) return "nothing";
        if (known !== undefined && known.senderKey !== entry.sender_key) removeCopy(this.#pages, this.#rows, this.#roomId, known);
        return {
            sessionId: entry.session_id,
            entry,
            known: known?.senderKey === entry.sender_key ? known : undefined,
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
