import {
    type Homeserver,
    HomeserverError,
    type HomeserverProblem,
    isTransient,
    type MessagesPage,
    retryAfterOf,
} from "../homeserver/index.ts";
import { Due, type DueItem, type Outcome, WaitsInMemory } from "../due/index.ts";
import type { Database } from "../database/index.ts";
import { parseRoomEvent } from "../matrix/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { type Gap, Gaps } from "./gaps.ts";
import { firstMessageEver, SessionUses } from "./session-uses.ts";
import { TimelineRooms } from "./timeline-rooms.ts";

const filter = JSON.stringify({ types: ["m.room.encrypted"] });

/** How far the search goes. Counts are of pages. */
export interface BackFillBounds {
    readonly eventsOfAPage: number;
    readonly pagesOfAGap: number;
    /** Of all rooms together, for as long as the data folder lives. */
    readonly pagesInAll: number;
    /** A no counts when it is said so many times: a proxy or a restart may say it once to anything. */
    readonly refusals: number;
    /** Failures of one gap in a row after which nobody is to wait for it; it is asked for as before. */
    readonly patience: number;
}

/** 200 000 events behind each gap; ten millions in all, which is about 200 MB in the database. */
export const backFillBounds: BackFillBounds = {
    eventsOfAPage: 100,
    pagesOfAGap: 2_000,
    pagesInAll: 100_000,
    refusals: 3,
    patience: 3,
};

/** After a page the homeserver rests for so many times as long as the page took it. */
const restFactor = 2;
const shortestRestMs = 200;
const longestRestMs = 30_000;
/** Milliseconds after which a gap that failed is tried again. */
const pace = { first: 5_000, longest: 3_600_000 } as const;

type GapToFill = Gap & { readonly key: string };

export interface BackFillParts {
    /** Opened with `timelineSchema`. */
    readonly database: Database;
    readonly homeserver: Pick<Homeserver, "messages">;
    /** After a page was recorded, or a gap given up. */
    readonly recorded: () => void;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    /** Milliseconds, of a clock that never jumps. */
    readonly monotonic: () => number;
    /** In [0, 1). */
    readonly random: () => number;
    readonly log: Logger;
    readonly bounds?: BackFillBounds;
    /** Resolves after so many milliseconds, or at once when the signal aborts. */
    readonly rest: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Reads what the sync left out, from the newer end of each gap backwards: one request at a time, with rests, within
 * bounds. How far it came is in the database, so that a restart goes on where it was; a page that is asked for twice
 * counts once.
 */
export class BackFill {
    readonly #parts: BackFillParts;
    readonly #bounds: BackFillBounds;
    readonly #gaps: Gaps;
    readonly #uses: SessionUses;
    readonly #rooms: TimelineRooms;
    readonly #stopping = new AbortController();
    readonly #due: Due<GapToFill & DueItem>;

    constructor(parts: BackFillParts) {
        this.#parts = parts;
        this.#bounds = parts.bounds ?? backFillBounds;
        this.#gaps = new Gaps(parts.database);
        this.#uses = new SessionUses(parts.database);
        this.#rooms = new TimelineRooms(parts.database);
        const { log, monotonic, random } = parts;
        const waits = new WaitsInMemory(() => this.#gaps.all().map((gap) => ({ ...gap, key: String(gap.id) })));
        this.#due = new Due({
            name: "the search for earlier events",
            atOnce: 1,
            pace,
            log,
            now: monotonic,
            random,
            ...waits.answers,
            work: (gap) => this.#fillAndRest(gap),
        });
    }

    /** Looks for gaps; a search under way is not doubled. */
    wake(): void {
        this.#due.wake();
    }

    async stop(): Promise<void> {
        this.#stopping.abort();
        await this.#due.stop();
    }

    async #fillAndRest(gap: GapToFill & DueItem): Promise<Outcome> {
        const begun = performance.now();
        const outcome = await this.#fill(gap);
        const rest = Math.min((performance.now() - begun) * restFactor, longestRestMs);
        await this.#parts.rest(Math.max(rest, shortestRestMs), this.#stopping.signal);
        return outcome;
    }

    /** One page. */
    async #fill(gap: GapToFill & DueItem): Promise<Outcome> {
        const { homeserver } = this.#parts;
        try {
            const limit = this.#bounds.eventsOfAPage;
            const page = await homeserver.messages(gap.roomId, {
                from: gap.from,
                to: gap.to,
                limit,
                filter,
                signal: this.#stopping.signal,
            });
            this.#record(gap, page);
            return { is: "done" };
        } catch (error) {
            if (!(error instanceof HomeserverError)) throw error;
            return this.#failed(gap, error);
        }
    }

    #record(gap: Gap, { events, end }: MessagesPage): void {
        const { roomId } = gap;
        const messages = events.flatMap((event) => parseRoomEvent(event) ?? []);
        this.#write(() => {
            const bounds = { notBefore: firstMessageEver, notAfter: this.#parts.now() };
            const { seen, added } = this.#uses.record(roomId, messages, bounds);
            const pages = gap.again ? 0 : this.#rooms.addPage(roomId);
            // A server that does not heed `to` leads back into what we know.
            const arrived =
                end === undefined ||
                end === gap.from ||
                (gap.to !== undefined && (end === gap.to || (seen > 0 && added === 0)));
            if (arrived) this.#gaps.close(gap);
            else if (gap.pages + 1 < this.#bounds.pagesOfAGap && pages < this.#bounds.pagesInAll)
                this.#gaps.shorten(gap, end);
            else this.#giveUp(gap);
            this.#rooms.touch(roomId);
        });
    }

    #failed(gap: GapToFill & DueItem, error: HomeserverError): Outcome {
        const { log } = this.#parts;
        const failures = gap.failures + 1;
        if (isRefusal(error.problem) && failures >= this.#bounds.refusals) {
            log.warn({ room: gap.roomId, err: error }, "earlier events are not to be had: what they need is not known");
            this.#write(() => this.#giveUp(gap));
            return { is: "done" };
        }
        log.debug({ room: gap.roomId, err: error }, "earlier events were not to be had; tried again");
        if (failures >= this.#bounds.patience && !gap.stalled) {
            this.#write(() => {
                this.#gaps.stall(gap);
                this.#rooms.touch(gap.roomId);
            });
        }
        return { is: "failed", retryAfterMs: retryAfterOf(error), forAll: error.problem.kind === "rate_limited" };
    }

    #write(work: () => void): void {
        this.#parts.database.transaction(work);
        this.#parts.recorded();
    }

    /** Unless the room was left meanwhile, or is looked at from its newest event again. */
    #giveUp(gap: Gap): void {
        if (!this.#gaps.close(gap) || gap.again) return;
        this.#rooms.setCut(gap.roomId, true);
        this.#rooms.touch(gap.roomId);
    }
}

/**
 * Asking again cannot help, but for what stands between; without a token nothing can be asked, and the sync says so.
 */
function isRefusal(problem: HomeserverProblem): boolean {
    return !isTransient(problem) && problem.kind !== "malformed" && problem.kind !== "unknown_token";
}
