import type { StatementSync } from "node:sqlite";
import { type Database, flagOf, numberOf, numberOrNothing, textOf, textOrNothing } from "../database/index.ts";

/** A part of a room's timeline that is not recorded yet, from its newer end backwards. */
export interface Gap {
    readonly id: number;
    readonly roomId: string;
    /** What `/messages` is asked with; undefined: start at the newest event. */
    readonly from: string | undefined;
    /** Where it ends; undefined: at the beginning of what we may see. */
    readonly to: string | undefined;
    /** Pages that were asked for already. */
    readonly pages: number;
    /** Asking for it has failed again and again. */
    readonly stalled: boolean;
    /**
     * What is known already is read once more: nobody waits for it, and its end says nothing of the room's beginning.
     */
    readonly again: boolean;
}

/** What is still to be back-filled. Every writing call stands in a transaction of the caller. */
export class Gaps {
    readonly #insert: StatementSync;
    readonly #deleteRoom: StatementSync;
    readonly #selectNext: StatementSync;
    readonly #update: StatementSync;
    readonly #delete: StatementSync;
    readonly #stall: StatementSync;
    readonly #selectRoom: StatementSync;

    /** @param database opened with `timelineSchema` */
    constructor({ sql }: Database) {
        this.#insert = sql.prepare("INSERT INTO timeline_gaps (room_id, from_token, to_token) VALUES (?, ?, ?)");
        this.#deleteRoom = sql.prepare("DELETE FROM timeline_gaps WHERE room_id = ?");
        this.#selectNext = sql.prepare("SELECT * FROM timeline_gaps ORDER BY again, pages, id");
        this.#update = sql.prepare(
            "UPDATE timeline_gaps SET from_token = ?, pages = pages + 1, stalled = 0 WHERE id = ?",
        );
        this.#delete = sql.prepare("DELETE FROM timeline_gaps WHERE id = ?");
        this.#stall = sql.prepare("UPDATE timeline_gaps SET stalled = 1 WHERE id = ?");
        this.#selectRoom = sql.prepare(
            "SELECT min(stalled) AS stalled FROM timeline_gaps WHERE room_id = ? AND again = 0",
        );
    }

    add(roomId: string, from: string | undefined, to: string | undefined): void {
        this.#insert.run(roomId, from ?? null, to ?? null);
    }

    forget(roomId: string): void {
        this.#deleteRoom.run(roomId);
    }

    /** The ones with the fewest pages first: a room with a long past does not hold up the others. */
    all(): readonly Gap[] {
        return this.#selectNext.all().map((row) => ({
            id: numberOf(row, "id"),
            roomId: textOf(row, "room_id"),
            from: textOrNothing(row, "from_token"),
            to: textOrNothing(row, "to_token"),
            pages: numberOf(row, "pages"),
            stalled: flagOf(row, "stalled"),
            again: flagOf(row, "again"),
        }));
    }

    shorten(gap: Gap, from: string): void {
        this.#update.run(from, gap.id);
    }

    /** Answers whether it was still open. */
    close(gap: Gap): boolean {
        return this.#delete.run(gap.id).changes > 0;
    }

    /** Nobody is to wait for it any more. */
    stall(gap: Gap): void {
        this.#stall.run(gap.id);
    }

    /** `open`: there is one that is worth waiting for; `stalled`: there are only others. */
    ofRoom(roomId: string): "open" | "stalled" | "none" {
        const stalled = numberOrNothing(this.#selectRoom.get(roomId), "stalled");
        if (stalled === 0) return "open";
        return stalled === 1 ? "stalled" : "none";
    }
}
