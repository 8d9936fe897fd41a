import type { CryptoPort, HeldSession } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import { Due, type DueItem, type Outcome, WaitsInMemory } from "../due/index.ts";
import { isAbort } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { coverageOf, type Reach, type SessionFacts, type Stretch, stretchesOf } from "./coverage.ts";
import { flaggedBefore } from "./flagged-before.ts";
import { inPieces } from "./in-pieces.ts";
import { Gaps } from "./gaps.ts";
import { type SessionUse, SessionUses } from "./session-uses.ts";
import { TimelineRooms, type Uncounted } from "./timeline-rooms.ts";

/**
 * A room rests for so many times as long as its count took, pauses included: however many sessions it has, counting
 * never takes a large share of the time.
 */
const restFactor = 5;
/**
 * A pause in a count is so many times as long as the work before it, the wait for the worker included: who waits for
 * worker or main thread meanwhile is a delivery.
 */
const pauseFactor = 3;
/** Milliseconds. */
const leastWork = 1;
const longestPause = 50;
/** Milliseconds. */
const shortestRest = 500;
const longestRest = 30_000;
/** Milliseconds after which a count that failed is made again. */
const pace = { first: 30_000, longest: 600_000 } as const;

type UncountedRoom = Uncounted & { readonly key: string };

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
    /** Milliseconds, of a clock that never jumps. */
    readonly monotonic: () => number;
    /** In [0, 1). */
    readonly random: () => number;
    readonly log: Logger;
}

/**
 * Counts the coverage of rooms anew when something changed: events were recorded, sessions came, the search for the
 * beginning ended.
 */
export class CoverageCount {
    readonly #parts: CoverageCountParts;
    readonly #uses: SessionUses;
    readonly #gaps: Gaps;
    readonly #rooms: TimelineRooms;
    readonly #due: Due<UncountedRoom & DueItem>;
    readonly #stopping = new AbortController();

    constructor(parts: CoverageCountParts) {
        this.#parts = parts;
        this.#uses = new SessionUses(parts.database);
        this.#gaps = new Gaps(parts.database);
        this.#rooms = new TimelineRooms(parts.database);
        const { log, monotonic, random } = parts;
        const waits: WaitsInMemory<UncountedRoom> = new WaitsInMemory(() =>
            this.#rooms.uncounted().map((room) => {
                // The end of the search for the beginning comes once, and decisions wait for it.
                if (this.#searchHasEnded(room.roomId)) waits.hurry(room.roomId);
                return { ...room, key: room.roomId };
            }),
        );
        this.#due = new Due({
            name: "the count of what is covered",
            atOnce: 1,
            pace,
            log,
            now: monotonic,
            random,
            ...waits.answers,
            work: (room) => this.#countAndRest(room),
        });
    }

    /** Looks for rooms to count. */
    wake(): void {
        this.#due.wake();
    }

    /** A count under way is given up; its room is counted after the next start. */
    async stop(): Promise<void> {
        this.#stopping.abort();
        await this.#due.stop();
    }

    #searchHasEnded(roomId: string): boolean {
        return this.#rooms.coverage(roomId)?.reach === "under_way" && this.#reach(roomId) !== "under_way";
    }

    async #countAndRest(room: UncountedRoom): Promise<Outcome> {
        const { counted, log, monotonic } = this.#parts;
        const begun = monotonic();
        try {
            await this.#count(room);
        } catch (error) {
            if (isAbort(error)) throw error;
            log.warn(
                { operation: "coverage", room: room.roomId, err: error },
                "could not count what is covered; trying again",
            );
            return { is: "failed" };
        }
        const ended = monotonic();
        counted(room.roomId);
        return {
            is: "waits",
            until: ended + Math.min(Math.max((ended - begun) * restFactor, shortestRest), longestRest),
        };
    }

    async #count(room: Uncounted): Promise<void> {
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
    }

    /** A page at a time: what changes meanwhile has the room counted again. */
    async #stretches(
        roomId: string,
        held: SessionFacts["held"],
        look: (use: SessionUse) => void,
    ): Promise<readonly Stretch[]> {
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
        return new Map(
            [...bySession].map(([sessionId, refusals]) => [sessionId, refusals.map(({ sender }) => sender)]),
        );
    }

    #reach(roomId: string): Reach {
        const gaps = this.#gaps.ofRoom(roomId);
        if (gaps === "open") return "under_way";
        return gaps === "stalled" || this.#rooms.isCut(roomId) ? "cut" : "start";
    }
}
