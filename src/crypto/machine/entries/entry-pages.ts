import type { DatabaseSync } from "node:sqlite";
import { blobOf, numberOf, type Row } from "../../../database/index.ts";
import type { Seal } from "../../../sealing/index.ts";

/** Where an entry's JSON stands. */
export interface Place {
    readonly page: number;
    /** In bytes. */
    readonly start: number;
    readonly length: number;
}

/** A page with fewer entries is small, and so many small ones are made one. */
const small = 32;
const smallOnes = 128;

const COMMA = Buffer.from(",");

/**
 * Entries that came together lie together: a page is their JSON with commas between, sealed as a whole, because opening
 * ten thousand values one by one takes longer than encrypting and uploading them. A page never changes; what its
 * entries are is in the rows that point to it. Every call stands in a transaction of the caller.
 */
export class EntryPages {
    readonly #sql: DatabaseSync;
    readonly #seal: Seal;

    constructor(sql: DatabaseSync, seal: Seal) {
        this.#sql = sql;
        this.#seal = seal;
    }

    /** Keeps these entries of a room (UTF-8 JSON) as one page; answers where each stands. */
    add(roomId: string, entries: readonly Uint8Array[]): readonly Place[] {
        if (entries.length === 0) return [];
        const { lastInsertRowid } = this.#sql
            .prepare("INSERT INTO entry_pages (room_id, live, body) VALUES (?, ?, x'')")
            .run(roomId, entries.length);
        const page = Number(lastInsertRowid);
        const body = Buffer.concat(entries.flatMap((entry, index) => (index === 0 ? [entry] : [COMMA, entry])));
        this.#sql
            .prepare("UPDATE entry_pages SET body = ? WHERE id = ?")
            .run(this.#seal.seal(placeOf(roomId, page), body), page);
        let start = 0;
        return entries.map(({ length }) => {
            const place = { page, start, length };
            start += length + COMMA.length;
            return place;
        });
    }

    /** A page's bytes; undefined if it is gone. */
    read(roomId: string, page: number): Uint8Array | undefined {
        const row = this.#sql.prepare("SELECT body FROM entry_pages WHERE id = ? AND room_id = ?").get(page, roomId);
        return row === undefined ? undefined : this.#seal.open(placeOf(roomId, page), blobOf(row, "body"));
    }

    /** One entry of the page moved elsewhere; a page without any is gone. */
    drop(page: number): void {
        this.#sql.prepare("UPDATE entry_pages SET live = live - 1 WHERE id = ?").run(page);
        this.#sql.prepare("DELETE FROM entry_pages WHERE id = ? AND live <= 0").run(page);
    }

    /** Makes one page of a room's small ones when there are many: keys of a living room come one at a time. */
    merge(roomId: string): void {
        const pages = this.#sql
            .prepare("SELECT id FROM entry_pages WHERE room_id = ? AND live < ? ORDER BY id LIMIT ?")
            .all(roomId, small, smallOnes)
            .map((row) => numberOf(row, "id"));
        if (pages.length < smallOnes) return;
        const bodies = new Map(pages.map((page) => [page, this.read(roomId, page)]));
        const rows = this.#sql
            .prepare(
                `SELECT rowid AS id, page, start, length FROM ready_entries
                 WHERE room_id = ? AND page IN (SELECT value FROM json_each(?)) ORDER BY page, start`,
            )
            .all(roomId, JSON.stringify(pages))
            .map((row) => ({ id: numberOf(row, "id"), ...placeIn(row) }));
        const moved = this.add(
            roomId,
            rows.map(({ page, start, length }) =>
                (bodies.get(page) ?? new Uint8Array()).subarray(start, start + length),
            ),
        );
        const move = this.#sql.prepare("UPDATE ready_entries SET page = ?, start = ?, length = ? WHERE rowid = ?");
        for (const [index, { id }] of rows.entries()) {
            const to = moved[index];
            if (to !== undefined) move.run(to.page, to.start, to.length, id);
        }
        this.#sql
            .prepare("DELETE FROM entry_pages WHERE id IN (SELECT value FROM json_each(?))")
            .run(JSON.stringify(pages));
    }
}

/** Of a row that has its columns. */
export function placeIn(row: Row): Place {
    return { page: numberOf(row, "page"), start: numberOf(row, "start"), length: numberOf(row, "length") };
}

function placeOf(roomId: string, page: number): string {
    return JSON.stringify(["entry_pages", roomId, page]);
}
