import { type Homeserver, HomeserverError, type HomeserverProblem, isAbort, isTransient, type MessagesPage } from "../homeserver/index.ts";
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
export const backFillBounds: BackFillBounds = { eventsOfAPage: 100, pagesOfAGap: 2_000, pagesInAll: 100_000, refusals: 3, patience: 3 };

/** After a page the homeserver rests for so many times as long as the page took it. */
const restFactor = 2;
const shortestRestMs = 200;
const longestRestMs = 30_000;
const firstBackoffMs = 5_000;
const longestBackoffMs = 3_600_000;

export interface BackFillParts {
    /** Opened with `timelineSchema`. */
    readonly database: Database;
    readonly homeserver: Pick<Homeserver, "messages">;
    /** After a page was recorded, or a gap given up. */
    readonly recorded: () => void;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    readonly log: Logger;
    readonly bounds?: BackFillBounds;
    /** Resolves after so many milliseconds, or at once when the signal aborts. */
    readonly rest: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Reads what the sync left out, from the newer end of each gap backwards: one request at a time, with rests, within bounds.
 * How far it came is in the database, so that a restart goes on where it was; a page that is asked for twice counts once.
 */
export class BackFill {
    readonly #parts: BackFillParts;
    readonly #bounds: BackFillBounds;
    readonly #gaps: Gaps;
    readonly #uses: SessionUses;
    readonly #rooms: TimelineRooms;
    readonly #stopping = new AbortController();
    /** Gaps that failed, by ID. */
    readonly #setbacks = new Map<number, { readonly failures: number; readonly notBefore: number }>();
    #running: Promise<void> | undefined;

    constructor(parts: BackFillParts) {
        this.#parts = parts;
        this.#bounds = parts.bounds ?? backFillBounds;
        this.#gaps = new Gaps(parts.database);
        this.#uses = new SessionUses(parts.database);
        this.#rooms = new TimelineRooms(parts.database);
    }

    /** Looks for gaps; a search under way is not doubled, and what failed is tried again by a later call. */
    wake(): void {
        if (this.#stopping.signal.aborted) return;
        this.#running ??= this.#fillAll()
            .catch((error: unknown) =>
                this.#parts.log.warn({ operation: "back_fill", err: error }, "could not go on with earlier events; tried again later"),
            )
            .finally(() => {
                this.#running = undefined;
            });
    }

    async stop(): Promise<void> {
        this.#stopping.abort();
        await this.#running;
    }

    async #fillAll(): Promise<void> {
        const { signal } = this.#stopping;
        for (let gap = this.#next(); gap !== undefined && !signal.aborted; gap = this.#next()) {
            const begun = performance.now();
            const rest = await this.#fill(gap);
            const taken = performance.now() - begun;
            await this.#parts.rest(Math.max(rest, Math.min(taken * restFactor, longestRestMs), shortestRestMs), signal);
        }
    }

    #next(): Gap | undefined {
        const now = this.#parts.now();
        return this.#gaps.all().find(({ id }) => {
            const wait = (this.#setbacks.get(id)?.notBefore ?? 0) - now;
            // One that nobody ordered comes of a clock that was set back.
            return wait <= 0 || wait > longestBackoffMs;
        });
    }

    /** One page. Answers how long everything has to rest after it, in milliseconds. */
    async #fill(gap: Gap): Promise<number> {
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
            this.#setbacks.delete(gap.id);
            this.#record(gap, page);
            return 0;
        } catch (error) {
            if (isAbort(error)) return 0;
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
                end === undefined || end === gap.from || (gap.to !== undefined && (end === gap.to || (seen > 0 && added === 0)));
            if (arrived) this.#gaps.close(gap);
            else if (gap.pages + 1 < this.#bounds.pagesOfAGap && pages < this.#bounds.pagesInAll) this.#gaps.shorten(gap, end);
            else this.#giveUp(gap);
            this.#rooms.touch(roomId);
        });
    }

    #failed(gap: Gap, error: HomeserverError): number {
        const { now, log } = this.#parts;
        const { problem } = error;
        const failures = (this.#setbacks.get(gap.id)?.failures ?? 0) + 1;
        if (isRefusal(problem) && failures >= this.#bounds.refusals) {
            log.warn({ room: gap.roomId, err: error }, "earlier events are not to be had: what they need is not known");
            this.#setbacks.delete(gap.id);
            this.#write(() => this.#giveUp(gap));
            return 0;
        }
        const backoff = Math.min(firstBackoffMs * 2 ** Math.min(failures - 1, 20), longestBackoffMs);
        this.#setbacks.set(gap.id, { failures, notBefore: now() + backoff });
        log.debug({ room: gap.roomId, err: error, wait_ms: backoff }, "earlier events were not to be had; tried again");
        if (failures >= this.#bounds.patience && !gap.stalled) {
            this.#write(() => {
                this.#gaps.stall(gap);
                this.#rooms.touch(gap.roomId);
            });
        }
        return problem.kind === "rate_limited" ? Math.max(problem.retryAfterMs ?? 0, firstBackoffMs) : 0;
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

/** Asking again cannot help, but for what stands between; without a token nothing can be asked, and the sync says so. */
function isRefusal(problem: HomeserverProblem): boolean {
    return !isTransient(problem) && problem.kind !== "malformed" && problem.kind !== "unknown_token";
}
