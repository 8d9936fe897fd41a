import type { StatementSync } from "node:sqlite";
import { z } from "zod";
import { type Database, numberOf, textOf, textOrNothing } from "../database/index.ts";
import type { Coverage } from "./coverage.ts";

const count = z.number().int().nonnegative();

const stored = z.object({
    reach: z.enum(["start", "under_way", "cut"]),
    coversSince: z.number().optional(),
    complete: z.boolean(),
    coveredShare: z.number(),
    events: count,
    covered: count,
    sessions: z.object({ missing: count, unknown: count, withheld: count }),
    withheldFromBot: z.object({ sessions: count, senders: z.array(z.string()) }),
    /** Not in what earlier versions stored. */
    comparable: z.object({ withheld: count, uncovered: z.array(z.tuple([count, count])) }).optional(),
});

/** A room whose coverage is out of date; `revision` is what the next count will be of. */
export interface Uncounted {
    readonly roomId: string;
    readonly revision: number;
}

/**
 * The rooms of whose timeline anything is recorded, with their last coverage. Every writing call stands in a
 * transaction of the caller.
 */
export class TimelineRooms {
    readonly #insert: StatementSync;
    readonly #touch: StatementSync;
    readonly #underWay: StatementSync;
    readonly #cut: StatementSync;
    readonly #selectCut: StatementSync;
    readonly #addPage: StatementSync;
    readonly #sumPages: StatementSync;
    readonly #selectUncounted: StatementSync;
    readonly #selectCounted: StatementSync;
    readonly #store: StatementSync;
    readonly #selectCoverage: StatementSync;
    /** What was read last of each room: it is asked for again and again. */
    readonly #read = new Map<string, { readonly text: string; readonly coverage: Coverage }>();

    /** @param database opened with `timelineSchema` */
    constructor({ sql }: Database) {
        this.#insert = sql.prepare("INSERT INTO timeline_rooms (room_id) VALUES (?) ON CONFLICT DO NOTHING");
        this.#touch = sql.prepare("UPDATE timeline_rooms SET revision = revision + 1 WHERE room_id = ?");
        this.#underWay = sql.prepare(
            `UPDATE timeline_rooms
             SET coverage = json_set(coverage, '$.reach', 'under_way', '$.complete', json('false')) WHERE room_id = ?`,
        );
        this.#cut = sql.prepare("UPDATE timeline_rooms SET cut = ? WHERE room_id = ?");
        this.#selectCut = sql.prepare("SELECT 1 FROM timeline_rooms WHERE room_id = ? AND cut = 1");
        this.#addPage = sql.prepare("UPDATE timeline_rooms SET pages = pages + 1 WHERE room_id = ?");
        this.#sumPages = sql.prepare("SELECT sum(pages) AS pages FROM timeline_rooms");
        this.#selectUncounted = sql.prepare("SELECT room_id, revision FROM timeline_rooms WHERE revision > counted");
        this.#selectCounted = sql.prepare("SELECT 1 FROM timeline_rooms WHERE room_id = ? AND counted >= revision");
        this.#store = sql.prepare("UPDATE timeline_rooms SET coverage = ?, counted = ? WHERE room_id = ?");
        this.#selectCoverage = sql.prepare("SELECT coverage FROM timeline_rooms WHERE room_id = ?");
    }

    /** Answers whether the room is a new one. */
    add(roomId: string): boolean {
        return this.#insert.run(roomId).changes > 0;
    }

    /** Something changed that the coverage depends on. */
    touch(roomId: string): void {
        this.#touch.run(roomId);
    }

    /** Events are looked for of which the last count does not know, if there was one. */
    setUnderWay(roomId: string): void {
        this.#underWay.run(roomId);
    }

    /** Events are missing for good; or are not any more, as the whole timeline is looked at anew. */
    setCut(roomId: string, cut: boolean): void {
        this.#cut.run(cut ? 1 : 0, roomId);
    }

    isCut(roomId: string): boolean {
        return this.#selectCut.get(roomId) !== undefined;
    }

    /** A page of the room's past was read. Answers how many that makes, of all rooms. */
    addPage(roomId: string): number {
        this.#addPage.run(roomId);
        return numberOf(this.#sumPages.get(), "pages");
    }

    uncounted(): readonly Uncounted[] {
        return this.#selectUncounted
            .all()
            .map((row) => ({ roomId: textOf(row, "room_id"), revision: numberOf(row, "revision") }));
    }

    isCounted(roomId: string): boolean {
        return this.#selectCounted.get(roomId) !== undefined;
    }

    store({ roomId, revision }: Uncounted, coverage: Coverage): void {
        this.#store.run(JSON.stringify(coverage), revision, roomId);
    }

    coverage(roomId: string): Coverage | undefined {
        const text = textOrNothing(this.#selectCoverage.get(roomId), "coverage");
        if (text === undefined) return undefined;
        const known = this.#read.get(roomId);
        if (known?.text === text) return known.coverage;
        const parsed = stored.parse(JSON.parse(text));
        const coverage = { ...parsed, coversSince: parsed.coversSince, comparable: parsed.comparable };
        this.#read.set(roomId, { text, coverage });
        return coverage;
    }
}
