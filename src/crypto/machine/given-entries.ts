import type { DatabaseSync } from "node:sqlite";
import type { Seal } from "../../sealing/index.ts";
import { type BundleEntry, bundleEntry } from "./bundle.ts";
import { EntryReader } from "./entry.ts";
import { EntryPages } from "./entry-pages.ts";
import { EntryRows, type KnownRow, type Origin } from "./entry-rows.ts";
import { readSessionKey } from "./exported-session-key.ts";
import type { FlagFacts, Sighting } from "./flags.ts";
import { leadsTo } from "./megolm-ratchet.ts";
import { givenFlags, mergeGiven } from "./merge-copies.ts";
import type { RoomKeyExport } from "./room-key-export.ts";

/** Of one room. A bundle's withheld records are a courtesy. */
const mostWithheld = 10_000;

/** How many sessions of a bundle brought something, and how many claim to be what they are not. */
export interface TakenKeys {
    readonly taken: number;
    readonly refused: number;
}

/** A session that its sender closed, as a bundle says. */
export interface GivenWithheld {
    readonly sessionId: string;
    readonly senderKey: string;
}

interface Change {
    readonly entry: BundleEntry;
    readonly known: KnownRow | undefined;
    readonly row: FlagFacts & Sighting & Origin;
}

/**
 * What somebody's room key bundle gave us. It goes into the ready entries alone and not into the machine: a made-up ratchet under a real session's
 * ID would stand in the way of the real one there (measured: the later `m.room_key` is discarded). Every call stands in a transaction of the caller.
 */
export class GivenEntries {
    readonly #sql: DatabaseSync;
    readonly #pages: EntryPages;
    readonly #rows: EntryRows;
    readonly #roomId: string;
    readonly #giver: string;

    constructor(sql: DatabaseSync, seal: Seal, ownKey: string, { roomId, giver }: { readonly roomId: string; readonly giver: string }) {
        this.#sql = sql;
        this.#pages = new EntryPages(sql, seal);
        this.#rows = new EntryRows(sql, ownKey);
        this.#roomId = roomId;
        this.#giver = giver;
    }

    /** Takes sessions of the room, checked by `normaliseRoomKey`. Of two copies of one the first counts. */
    take(entries: readonly RoomKeyExport[]): TakenKeys {
        const changes: Change[] = [];
        let [flagged, refused] = [0, 0];
        const firstOfEach = new Map(entries.toReversed().map((entry) => [entry.session_id, entry]));
        const reader = new EntryReader(this.#pages, this.#roomId);
        for (const entry of firstOfEach.values()) {
            const judged = this.#judge(entry, reader);
            if (judged === "flagged") flagged++;
            else if (judged === "refused") refused++;
            else if (judged !== "nothing") changes.push(judged);
        }
        this.#write(changes);
        return { taken: changes.length + flagged, refused };
    }

    /** Keeps these, unless there are too many; answers how many are new. */
    takeWithheld(records: readonly GivenWithheld[]): number {
        const held = this.#sql.prepare("SELECT count(*) AS n FROM given_withheld WHERE room_id = ?").get(this.#roomId)?.["n"];
        const insert = this.#sql.prepare(
            "INSERT OR IGNORE INTO given_withheld (room_id, session_id, sender_key, given_by) VALUES (?, ?, ?, ?)",
        );
        let added = 0;
        for (const { sessionId, senderKey } of records) {
            if (Number(held) + added >= mostWithheld) break;
            added += Number(insert.run(this.#roomId, sessionId, senderKey, this.#giver).changes);
        }
        if (added > 0) {
            this.#rows.noteSender(this.#roomId, this.#giver);
            this.#rows.renew(this.#roomId);
        }
        return added;
    }

    #judge(entry: RoomKeyExport, reader: EntryReader): Change | "flagged" | "nothing" | "refused" {
        const key = { roomId: this.#roomId, sessionId: entry.session_id, senderKey: entry.sender_key };
        const firstIndex = readSessionKey(entry.session_key)?.firstIndex;
        if (firstIndex === undefined) return "refused";
        const known = this.#rows.find(key);
        const held = known === undefined ? undefined : reader.read(known);
        const given = mergeGiven(
            known,
            { firstIndex, giver: this.#giver },
            {
                another: () => this.#rows.isOfAnother(key),
                sameSession: () => held !== undefined && leadsTo(entry.session_key, held.session_key),
            },
        );
        switch (given.change) {
            case "new":
                return {
                    entry,
                    known,
                    row: { ...givenFlags, firstIndex, receivedFrom: undefined, receivedAt: undefined, givenBy: this.#giver },
                };
            case "key":
                // What its sender told us of themselves stays.
                return {
                    entry: { ...entry, ...held, session_key: entry.session_key },
                    known,
                    row: { ...given.flags, ...given.origin, firstIndex },
                };
            case "flag":
                if (known !== undefined) this.#rows.setFlags(key, known, givenFlags);
                return "flagged";
            default:
                return given.change;
        }
    }

    #write(changes: readonly Change[]): void {
        if (changes.length === 0) return;
        this.#rows.noteSender(this.#roomId, this.#giver);
        const places = this.#pages.add(
            this.#roomId,
            changes.map(({ entry }) => Buffer.from(JSON.stringify(bundleEntry(entry)))),
        );
        for (const [index, { entry, known, row }] of changes.entries()) {
            const place = places[index];
            if (place === undefined) continue;
            if (known !== undefined) this.#pages.drop(known.page);
            this.#rows.put({ roomId: this.#roomId, sessionId: entry.session_id, senderKey: entry.sender_key }, { ...row, ...place }, known);
        }
        this.#pages.merge(this.#roomId);
    }
}
