import type { Database } from "../database/index.ts";
import type { ShareClock } from "./ledger/share-clock.ts";
import type { Logger } from "../telemetry/index.ts";

/** Milliseconds between two counts; a kill loses at most so much. */
const pause = 10 * 60_000;

export interface RunningTimeParts {
    readonly database: Database;
    readonly clock: Pick<ShareClock, "count">;
    readonly log: Logger;
    /** Milliseconds by a clock that never jumps. */
    readonly monotonic: () => number;
}

/** Counts for how long the bot has run, from `start` to `stop`: by this, and not by a clock that may be set, jobs expire. */
export class RunningTime {
    readonly #parts: RunningTimeParts;
    #timer: NodeJS.Timeout | undefined;
    #counted = 0;

    constructor(parts: RunningTimeParts) {
        this.#parts = parts;
    }

    start(): void {
        this.#counted = this.#parts.monotonic();
        this.#timer = setInterval(() => this.#count(), pause).unref();
    }

    stop(): void {
        clearInterval(this.#timer);
        this.#count();
    }

    /** What cannot be written now, on a full disk for instance, is counted the next time. */
    #count(): void {
        const { database, clock, log, monotonic } = this.#parts;
        const now = monotonic();
        try {
            database.transaction(() => clock.count(now - this.#counted));
            this.#counted = now;
        } catch (error) {
            log.warn({ err: error }, "could not count how long the bot has run; trying again later");
        }
    }
}
