import type { CryptoPort } from "../../crypto/index.ts";
import { type Database, flagOf } from "../../database/index.ts";
import { Due, type DueItem, type RunningClock, WaitsInMemory } from "../../due/index.ts";
import type { LeftRooms } from "../../rooms/index.ts";
import type { Logger } from "../../telemetry/index.ts";

/** Milliseconds between two looks; a kill loses at most so much of the count. */
const usualPauseMs = 10 * 60_000;
const shortestPauseMs = 500;

export interface ForgettingParts {
    readonly database: Database;
    readonly leftRooms: LeftRooms;
    /** `rooms_left.keys`: for how many milliseconds the keys of a room are kept that the bot has left. */
    readonly after: "keep" | number;
    readonly crypto: Pick<CryptoPort, "forgetRoom">;
    /** Tells which rooms' keys are kept; what came for others is let go in time. */
    readonly tellRooms: () => Promise<void>;
    /** Forgets what this database knows of the room's sessions, inside a transaction. */
    readonly forgetRows: (roomId: string) => void;
    /** Removes copies of the stores that were kept before an upgrade: the room's keys are in them, too. */
    readonly removeCopies: () => void;
    readonly log: Logger;
    readonly clock: Pick<RunningClock, "now">;
    /** In [0, 1). */
    readonly random: () => number;
}

/**
 * Forgets the keys of rooms that the bot has left, once it has been away for the time that the operator set, and has
 * what came for rooms that are not its own forgotten. Only the running clock counts: a wall clock that jumps a year
 * ahead must not cost anybody their history. So keys are forgotten late rather than early.
 */
export class Forgetting {
    readonly #parts: ForgettingParts;
    readonly #due: Due<DueItem>;
    #counted: number;

    constructor(parts: ForgettingParts) {
        this.#parts = parts;
        const { after, clock, log, random } = parts;
        this.#counted = clock.now();
        const pauseMs = after === "keep" ? usualPauseMs : Math.min(usualPauseMs, Math.max(shortestPauseMs, after / 10));
        this.#due = new Due({
            name: "the forgetting of keys",
            atOnce: 1,
            pace: { first: pauseMs, longest: pauseMs },
            log,
            random,
            now: () => clock.now(),
            ...new WaitsInMemory(() => [{ key: "all" }]).answers,
            work: async () => {
                await this.look();
                return { is: "waits", until: clock.now() + pauseMs };
            },
        });
    }

    start(): void {
        const { clock, database, leftRooms } = this.#parts;
        this.#counted = clock.now();
        database.transaction(() => leftRooms.adopt());
        this.#due.wake();
    }

    /** Ends after the room that is being forgotten. */
    async stop(): Promise<void> {
        await this.#due.stop();
        this.#tryTo(() => this.#count());
    }

    /** Counts, and forgets what is due. What fails, on a full disk for instance, is done again at the next look. */
    async look(): Promise<void> {
        const { leftRooms, after } = this.#parts;
        const due = this.#tryTo(() => this.#count()) && after !== "keep" ? leftRooms.due(after) : [];
        for (const roomId of due) await this.#forget(roomId);
        await this.#tellRooms();
    }

    async #tellRooms(): Promise<void> {
        try {
            await this.#parts.tellRooms();
        } catch (error) {
            this.#parts.log.warn({ err: error }, "could not forget what came for unknown rooms; trying again later");
        }
    }

    /** Marked as forgotten last: if a crash comes between, or a step fails, all of it is done once more. */
    async #forget(roomId: string): Promise<void> {
        const { database, leftRooms, crypto, forgetRows, removeCopies, log } = this.#parts;
        try {
            await crypto.forgetRoom(roomId);
            removeCopies();
            database.transaction(() => forgetRows(roomId));
            emptyLog(database);
            database.transaction(() => leftRooms.forgotten(roomId));
            log.info({ room: roomId }, "forgot the keys of a room that the bot has left");
        } catch (error) {
            log.warn({ err: error, room: roomId }, "could not forget the keys of a room; trying again later");
        }
    }

    #count(): void {
        const { clock, database, leftRooms } = this.#parts;
        const now = clock.now();
        database.transaction(() => leftRooms.count(now - this.#counted));
        this.#counted = now;
    }

    #tryTo(work: () => void): boolean {
        try {
            work();
            return true;
        } catch (error) {
            this.#parts.log.warn({ err: error }, "could not count how long rooms have been left; trying again later");
            return false;
        }
    }
}

/**
 * Deleted rows are overwritten in the file, but the write-ahead log still has them until it is emptied. @throws while
 * somebody reads
 */
function emptyLog({ sql }: Database): void {
    if (flagOf(sql.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get(), "busy"))
        throw new Error("the write-ahead log is in use");
}
