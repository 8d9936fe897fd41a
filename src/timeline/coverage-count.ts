import type { CryptoPort, HeldSession } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import { isAbort } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { coverageOf, type Reach, type SessionFacts, type Stretch, stretchesOf } from "./coverage.ts";
import { flaggedBefore } from "./flagged-before.ts";
import { inPieces } from "./in-pieces.ts";
import { Gaps } from "./gaps.ts";
import { type SessionUse, SessionUses } from "./session-uses.ts";
import { TimelineRooms, type Uncounted } from "./timeline-rooms.ts";

/** A room rests for so many times as long as its count took, pauses included: however many sessions it has, counting never takes a large share of the time. */
const restFactor = 5;
/** A pause in a count is so many times as long as the work before it, the wait for the worker included: who waits for worker or main thread meanwhile is a delivery. */
const pauseFactor = 3;
/** Milliseconds. */
const leastWork = 1;
const longestPause = 50;
/** Milliseconds. */
const shortestRest = 500;
const longestRest = 30_000;

/** Who invited the bot to a room, and announced no room key bundle to it. */
export interface Inviter {
    readonly userId: string;
    /** A time before which they had not; milliseconds since the epoch. */
    readonly invitedAfter: number;
}

export interface CoverageCountParts {
    /** Opened with `timelineSchema`. */
    readonly database: Database;
    readonly crypto: Pick<CryptoPort, "heldSessions" | "keyRefusals">;
    /** Of whom it is to be seen whether they could have given the bot keys of the room; undefined: of nobody. */
    readonly inviterWithoutBundle: (roomId: string) => Inviter | undefined;
    /** They could have, and kept them to themselves. Inside a transaction. */
    readonly keptToThemselves: (roomId: string, inviter: Inviter) => void;
    /** After this room was counted anew. */
    readonly counted: (roomId: string) => void;
    /** Milliseconds; ends early when the signal says so. */
    readonly rest: (milliseconds: number, signal: AbortSignal) => Promise<void>;
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
    readonly #stopping = new AbortController();
    #round: Promise<void> | undefined;
    #timer: NodeJS.Timeout | undefined;

    constructor(parts: CoverageCountParts) {
        this.#parts = parts;
        this.#uses = new SessionUses(parts.database);
        this.#gaps = new Gaps(parts.database);
        this.#rooms = new TimelineRooms(parts.database);
    }

    /** Looks for rooms to count; a round under way is not doubled. */
    wake(): void {
        if (this.#stopping.signal.aborted) return;
        this.#round ??= this.#countAll()
            .catch((error: unknown) => {
                if (isAbort(error)) return;
                this.#parts.log.warn(
                    { operation: "coverage", err: error },
                    "could not count what is covered; tried again with the next batch",
                );
            })
            .finally(() => {
                this.#round = undefined;
            });
    }

    /** A count under way is given up; its room is counted after the next start. */
    async stop(): Promise<void> {
        this.#stopping.abort();
        clearTimeout(this.#timer);
        await this.#round;
    }

    async #countAll(): Promise<void> {
        for (;;) {
            const uncounted = this.#rooms.uncounted();
            const due = uncounted.filter(({ roomId }) => this.#isRested(roomId));
            if (due.length === 0) return this.#wakeAfterRest(uncounted);
            for (const room of due) {
                await this.#count(room);
                this.#parts.counted(room.roomId);
                this.#stopping.signal.throwIfAborted();
            }
        }
    }

    /** The end of the search for the beginning comes once, and decisions wait for it. */
    #isRested(roomId: string): boolean {
        if ((this.#resting.get(roomId) ?? 0) <= performance.now()) return true;
        return this.#rooms.coverage(roomId)?.reach === "under_way" && this.#reach(roomId) !== "under_way";
    }

    async #count(room: Uncounted): Promise<void> {
        const begun = performance.now();
        const { database, inviterWithoutBundle, keptToThemselves } = this.#parts;
        const { roomId } = room;
        const inviter = inviterWithoutBundle(roomId);
        // What a search finds while the room is read may be missing in what was read.
        const reach = this.#reach(roomId);
        const theirs: SessionUse[] = [];
        const held = await this.#held(roomId);
        const stretches = await this.#stretches(roomId, held, (use) => {
            if (use.sender === inviter?.userId) theirs.push(use);
        });
        const coverage = await inPieces(coverageOf(stretches, reach));
        const kept = inviter !== undefined && (await inPieces(flaggedBefore(theirs, held, inviter.invitedAfter)));
        database.transaction(() => {
            this.#rooms.store(room, coverage);
            if (reach !== "under_way" && this.#reach(roomId) === "under_way") this.#rooms.setUnderWay(roomId);
            if (kept) keptToThemselves(roomId, inviter);
        });
        const ended = performance.now();
        this.#resting.set(room.roomId, ended + Math.min(Math.max((ended - begun) * restFactor, shortestRest), longestRest));
    }

    /** A page at a time: what changes meanwhile has the room counted again. */
    async #stretches(roomId: string, held: SessionFacts["held"], look: (use: SessionUse) => void): Promise<readonly Stretch[]> {
        const facts: SessionFacts = {
            held,
            refusals: await this.#refusals(roomId),
            split: (use, firstIndex) => this.#uses.split(roomId, use, firstIndex),
        };
        const stretches: Stretch[] = [];
        let begun = performance.now();
        for (const page of this.#uses.pages(roomId)) {
            for (const use of page) {
                stretches.push(...stretchesOf(use, facts));
                look(use);
            }
            begun = await this.#pause(begun);
        }
        return stretches;
    }

    async #held(roomId: string): Promise<ReadonlyMap<string, HeldSession>> {
        const held = new Map<string, HeldSession>();
        let begun = performance.now();
        for (let last: HeldSession | undefined; ;) {
            const page = await this.#parts.crypto.heldSessions(roomId, last?.sessionId);
            if (page.length === 0) return held;
            for (const session of page) held.set(session.sessionId, session);
            last = page.at(-1);
            begun = await this.#pause(begun);
        }
    }

    /**
     * Lets others have their turn if the work since `begun` was worth it.
     * @returns since when the work after this counts
     * @throws AbortError at once when the counting stops
     */
    async #pause(begun: number): Promise<number> {
        const { signal } = this.#stopping;
        const worked = performance.now() - begun;
        if (worked >= leastWork) await this.#parts.rest(Math.min(worked * pauseFactor, longestPause), signal);
        signal.throwIfAborted();
        return worked < leastWork ? begun : performance.now();
    }

    async #refusals(roomId: string): Promise<ReadonlyMap<string, readonly string[]>> {
        const bySession = Map.groupBy(await this.#parts.crypto.keyRefusals(roomId), ({ sessionId }) => sessionId);
        return new Map([...bySession].map(([sessionId, refusals]) => [sessionId, refusals.map(({ sender }) => sender)]));
    }

    #reach(roomId: string): Reach {
        const gaps = this.#gaps.ofRoom(roomId);
        if (gaps === "open") return "under_way";
        return gaps === "stalled" || this.#rooms.isCut(roomId) ? "cut" : "start";
    }

    #wakeAfterRest(uncounted: readonly Uncounted[]): void {
        if (uncounted.length === 0) return;
        const soonest = Math.min(...uncounted.map(({ roomId }) => this.#resting.get(roomId) ?? 0));
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.wake(), Math.max(soonest - performance.now(), 0) + 1);
    }
}
