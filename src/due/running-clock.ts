import { type Database, numberOf, type Schema } from "../database/index.ts";
import type { Logger } from "../telemetry/index.ts";

/** Milliseconds between two counts; a kill loses at most so much. */
const betweenCounts = 60_000;
/** Milliseconds of a time in which the bot did not run that count, by the wall clock: what that says may be wrong. */
const longestGap = 3_600_000;

export const runningClockSchema: Schema = {
    feature: "running_clock",
    migrations: [
        (sql) => {
            sql.exec(`
                CREATE TABLE running_clock (
                    -- Milliseconds that have passed.
                    ran INTEGER NOT NULL,
                    -- What is added to them, so that times that were kept by the wall clock before stay comparable.
                    begun INTEGER NOT NULL,
                    -- The wall clock when they were counted.
                    counted_at INTEGER NOT NULL
                ) STRICT;
            `);
            const isBefore = sql.prepare("SELECT 1 FROM sqlite_master WHERE name = 'share_clock'").get() !== undefined;
            const ran = isBefore ? numberOf(sql.prepare("SELECT ran FROM share_clock").get(), "ran") : 0;
            const now = Date.now();
            sql.prepare("INSERT INTO running_clock VALUES (?, ?, ?)").run(ran, now - ran, now);
        },
    ],
};

/** A time of the running clock as one of the wall clock, in SQL: milliseconds since the epoch. */
export function wallTime(column: string): string {
    return `(${column} - (SELECT ran + begun - counted_at FROM running_clock))`;
}

/** How long the clock has run, to within a minute, as a value in SQL. */
export const ranNow = "(SELECT ran FROM running_clock)";

export interface RunningClockParts {
    /** Opened with `runningClockSchema`. */
    readonly database: Pick<Database, "sql" | "transaction">;
    /** Milliseconds by a clock that never jumps, and begins anew with the process. */
    readonly monotonic: () => number;
    /** Milliseconds since the epoch, by a clock that may be set. */
    readonly wall: () => number;
}

/**
 * The clock by which everything falls due and expires. Wall clocks are set, ahead and back; this one runs with the bot,
 * and over a restart by the wall clock, an hour at most and never back. So it falls behind rather than runs ahead, and
 * what waits for it happens late rather than early.
 */
export class RunningClock {
    readonly #parts: RunningClockParts;
    #countedAt: number;
    #timer: NodeJS.Timeout | undefined;
    #log: Pick<Logger, "warn"> | undefined;

    constructor(parts: RunningClockParts) {
        this.#parts = parts;
        this.#countedAt = parts.monotonic();
    }

    /** Milliseconds. Times by this clock are near those of the wall clock, and mean something only among themselves. */
    now(): number {
        const row = this.#parts.database.sql.prepare("SELECT ran + begun AS now FROM running_clock").get();
        return numberOf(row, "now") + this.#sinceCount();
    }

    /** Milliseconds for which it has run in all. */
    ran(): number {
        return numberOf(this.#parts.database.sql.prepare(`SELECT ${ranNow} AS ran`).get(), "ran") + this.#sinceCount();
    }

    /** Writes down what has passed. @throws what the database does */
    count(more = 0): void {
        const { database, wall } = this.#parts;
        const since = this.#sinceCount();
        database.transaction(
            () =>
                void database.sql
                    .prepare("UPDATE running_clock SET ran = ran + ?, counted_at = ?")
                    .run(since + more, wall()),
        );
        this.#countedAt += since;
    }

    /** The time in which the bot did not run counts, up to an hour; from now on it runs. */
    start(log: Pick<Logger, "warn">): void {
        const { database, wall } = this.#parts;
        const away =
            wall() - numberOf(database.sql.prepare("SELECT counted_at FROM running_clock").get(), "counted_at");
        this.#log = log;
        this.#tryToCount(Math.min(Math.max(away, 0), longestGap));
        this.#timer = setInterval(() => this.#tryToCount(), betweenCounts).unref();
    }

    stop(): void {
        clearInterval(this.#timer);
        this.#tryToCount();
    }

    #sinceCount(): number {
        return Math.floor(this.#parts.monotonic() - this.#countedAt);
    }

    /** What cannot be written now, on a full disk for instance, is counted the next time. */
    #tryToCount(more = 0): void {
        try {
            this.count(more);
        } catch (error) {
            this.#log?.warn({ err: error }, "could not count how long the bot has run; trying again later");
        }
    }
}
