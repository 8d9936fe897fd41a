import type { CryptoPort, RoomSessions } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { type Coverage, coverageOf, type Reach } from "./coverage.ts";
import { Gaps } from "./gaps.ts";
import { SessionUses } from "./session-uses.ts";
import { TimelineRooms, type Uncounted } from "./timeline-rooms.ts";

/** A room rests for so many times as long as its count took: however many sessions it has, counting never takes a large share of the time. */
const restFactor = 20;
/** Milliseconds. */
const shortestRest = 500;
const longestRest = 30_000;

export interface CoverageCountParts {
    /** Opened with `timelineSchema`. */
    readonly database: Database;
    readonly crypto: Pick<CryptoPort, "roomSessions">;
    /** After rooms were counted anew. */
    readonly counted: () => void;
    readonly log: Logger;
}

/** Counts the coverage of rooms anew when something changed: events were recorded, sessions came, the search for the beginning ended. */
export class CoverageCount {
    readonly #parts: CoverageCountParts;
    readonly #uses: SessionUses;
    readonly #gaps: Gaps;
    readonly #rooms: TimelineRooms;
    /** Until when a room rests, by the monotonic clock. */
    readonly #resting = new Map<string, number>();
    #round: Promise<void> | undefined;
    #timer: NodeJS.Timeout | undefined;
    #stopped = false;

    constructor(parts: CoverageCountParts) {
        this.#parts = parts;
        this.#uses = new SessionUses(parts.database);
        this.#gaps = new Gaps(parts.database);
        this.#rooms = new TimelineRooms(parts.database);
    }

    /** Looks for rooms to count; a round under way is not doubled. */
    wake(): void {
        if (this.#stopped) return;
        this.#round ??= this.#countAll()
            .catch((error: unknown) =>
                this.#parts.log.warn(
                    { operation: "coverage", err: error },
                    "could not count what is covered; tried again with the next batch",
                ),
            )
            .finally(() => {
                this.#round = undefined;
            });
    }

    async stop(): Promise<void> {
        this.#stopped = true;
        clearTimeout(this.#timer);
        await this.#round;
    }

    async #countAll(): Promise<void> {
        for (;;) {
            const uncounted = this.#rooms.uncounted();
            const due = uncounted.filter(({ roomId }) => (this.#resting.get(roomId) ?? 0) <= performance.now());
            if (this.#stopped) return;
            if (due.length === 0) return this.#wakeAfterRest(uncounted);
            for (const room of due) {
                await this.#count(room);
                if (this.#stopped) return;
            }
            this.#parts.counted();
        }
    }

    async #count(room: Uncounted): Promise<void> {
        const begun = performance.now();
        const sessions = await this.#parts.crypto.roomSessions(room.roomId);
        const coverage = this.#coverage(room.roomId, sessions);
        this.#parts.database.transaction(() => this.#rooms.store(room, coverage));
        const ended = performance.now();
        this.#resting.set(room.roomId, ended + Math.min(Math.max((ended - begun) * restFactor, shortestRest), longestRest));
    }

    #coverage(roomId: string, { held, refusals }: RoomSessions): Coverage {
        const bySession = Map.groupBy(refusals, ({ sessionId }) => sessionId);
        return coverageOf({
            uses: this.#uses.inRoom(roomId),
            held: new Map(held.map((session) => [session.sessionId, session])),
            refusals: new Map([...bySession].map(([sessionId, all]) => [sessionId, all.map(({ sender }) => sender)])),
            split: (use, firstIndex) => this.#uses.split(roomId, use, firstIndex),
            reach: this.#reach(roomId),
        });
    }

    #reach(roomId: string): Reach {
        if (this.#gaps.isOpen(roomId)) return "under_way";
        return this.#rooms.isCut(roomId) ? "cut" : "start";
    }

    #wakeAfterRest(uncounted: readonly Uncounted[]): void {
        if (uncounted.length === 0) return;
        const soonest = Math.min(...uncounted.map(({ roomId }) => this.#resting.get(roomId) ?? 0));
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.wake(), Math.max(soonest - performance.now(), 0) + 1);
    }
}
