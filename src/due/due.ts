import { isAbort } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { type Pace, waitAfterFailure } from "./wait.ts";

/** Something that falls due. */
export interface DueItem {
    /** Tells it from the part's others: it is worked on once at a time. */
    readonly key: string;
    /** How often in a row it failed. */
    readonly failures: number;
}

/** How a piece of work ended. Times are milliseconds. */
export type Outcome<Why = undefined> =
    | { readonly is: "done" }
    /** Nothing failed, and it is to be looked at again at this time of the part's clock. */
    | { readonly is: "waits"; readonly until: number }
    /** There is nothing to do for it as things are: it is looked at again when somebody wakes the part. */
    | { readonly is: "unready" }
    | Failed<Why>;

/** It may succeed later. */
export interface Failed<Why = undefined> {
    readonly is: "failed";
    /** What whoever refused asked for. */
    readonly retryAfterMs?: number | undefined;
    /** Whoever refused it would refuse the part's other items as well. */
    readonly forAll?: boolean;
    /** The fault: what one fault stopped comes back together, and can share its requests again. */
    readonly cause?: unknown;
    /** What the part writes down of it. */
    readonly why?: Why;
}

/** When an item is taken up again, by the part's clock. */
export interface Later {
    readonly at: number;
    readonly failures: number;
    /** Before this time whoever refused does not want to be asked, whatever else happens meanwhile. */
    readonly notBefore: number;
}

/** What a part has to say of itself. */
export interface DuePart<Item extends DueItem, Why = undefined> {
    /** What it does, for the log: "the refreshing of bundles". */
    readonly name: string;
    readonly log: Pick<Logger, "error">;
    /**
     * Milliseconds: the running clock, or, for times that are kept in memory alone, the monotonic one. It never jumps.
     */
    readonly now: () => number;
    /** In [0, 1). */
    readonly random: () => number;
    /** Items worked on at once. */
    readonly atOnce: number;
    /** Who may hold up the work on an item, and how many of those of one of them are worked on at once. */
    readonly ofOne?: { readonly who: (item: Item) => string; readonly atOnce: number };
    readonly pace: Pace;
    /** What is due, the longest waiting first; also what is under way. */
    due(now: number): readonly Item[];
    /** When the next of the others falls due; undefined: none waits. */
    nextAt(now: number): number | undefined;
    /** Rejects only with what nobody expected, or an abort. */
    work(item: Item): Promise<Outcome<Why>>;
    /** Writes down when the item is taken up again, and why if it failed; undefined: it is done. */
    record(item: Item, later: Later | undefined, why?: Why): void;
}

/** Milliseconds of rest when something happened that nobody expected: the ledger cannot be written, most often. */
const restAfterFault = 30_000;
/** An item that was worked on so often within a second rests for one: a mistake in a due time must not spin. */
const runsInARow = 10;
const restOfItem = 1_000;
/** Milliseconds; a timer above 24 days fires at once. */
const longestTimer = 3_600_000;

/**
 * Works on what has fallen due, and again when the next falls due. A part that does something later is made of one of
 * these and of answers to three questions; it has no timer, no backoff and no clock guard of its own.
 *
 * 1. *What is due, and when is the next?* A table with a due time and a `not_before` for each row; `waitsUntil` is the
 *    SQL that both `due` and `nextAt` are written with. A wake may list what is under way: that is left out. A part
 *    without a table keeps its waits in `WaitsInMemory`.
 * 2. *How many at once?* `atOnce`; and where somebody else's server has to answer, `ofOne`.
 * 3. *What does a failure do?* `work` answers "failed" for what may succeed later, with the `Retry-After` if there is
 *    one. How long to wait is decided here, by `waitAfterFailure` and the part's `pace`; the part only writes it down
 *    in `record`. Where the refusal covers everything that the part would ask, `forAll` makes the part rest. A
 *    rejection is a fault: nothing is recorded, it is logged, and the part rests for half a minute.
 *
 * `wake` is called after the start, after each recorded batch, and by whoever has made something due. `stop` lets
 * nothing new begin and waits for what is under way; an `AbortError` from `work` means that the bot stops, and is no
 * failure. What was under way then is still due after the next start, so `work` must be safe to run again.
 *
 * All times are of the part's clock, which never jumps.
 */
export class Due<Item extends DueItem, Why = undefined> {
    readonly #part: DuePart<Item, Why>;
    /** By fault, in [0, 1). */
    readonly #spread = new WeakMap<object, number>();
    readonly #stopping = new AbortController();
    readonly #working = new Map<string, { readonly end: Promise<void>; readonly who: string | undefined }>();
    /** Not looked at before the next call of `wake`. */
    readonly #unready = new Set<string>();
    #wakes = 0;
    /** How often in a row an item was worked on lately, and when that ended. */
    readonly #ended = new Map<string, { readonly runs: number; readonly at: number }>();
    #timer: NodeJS.Timeout | undefined;
    #notBefore = Number.NEGATIVE_INFINITY;

    constructor(part: DuePart<Item, Why>) {
        this.#part = part;
    }

    wake(): void {
        this.#wakes += 1;
        this.#unready.clear();
        this.#look();
    }

    #look(): void {
        if (this.#stopping.signal.aborted || this.#working.size >= this.#part.atOnce) return;
        clearTimeout(this.#timer);
        const resting = this.#notBefore - this.#part.now();
        if (resting > 0) return this.#wakeIn(resting);
        try {
            this.#wakeIn(this.#begin());
        } catch (error) {
            this.#fault(error);
        }
    }

    /** For the work, to end early. */
    get isStopping(): boolean {
        return this.#stopping.signal.aborted;
    }

    async stop(): Promise<void> {
        this.#stopping.abort();
        clearTimeout(this.#timer);
        await Promise.all([...this.#working.values()].map(({ end }) => end));
    }

    /** Begins what is due, as far as there are places for it. Answers for how many milliseconds nothing else is. */
    #begin(): number {
        const now = this.#part.now();
        let wait = Number.POSITIVE_INFINITY;
        for (const item of this.#part.due(now)) {
            if (this.#working.size >= this.#part.atOnce) break;
            if (this.#working.has(item.key) || this.#unready.has(item.key) || this.#hasItsShare(item)) continue;
            const rest = this.#restOf(item.key);
            if (rest > 0) wait = Math.min(wait, rest);
            else this.#start(item);
        }
        const next = this.#part.nextAt(now);
        return next === undefined ? wait : Math.min(wait, next - now);
    }

    #hasItsShare(item: Item): boolean {
        const { ofOne } = this.#part;
        if (ofOne === undefined) return false;
        const who = ofOne.who(item);
        return [...this.#working.values()].filter((work) => work.who === who).length >= ofOne.atOnce;
    }

    /** Milliseconds for which an item rests that was just worked on. */
    #restOf(key: string): number {
        const { runs, at } = this.#ended.get(key) ?? { runs: 0, at: 0 };
        return runs < runsInARow ? 0 : at + restOfItem - this.#part.now();
    }

    #noteEnd(key: string): void {
        const now = this.#part.now();
        for (const [known, { at }] of this.#ended) if (now - at >= restOfItem) this.#ended.delete(known);
        this.#ended.set(key, { runs: (this.#ended.get(key)?.runs ?? 0) + 1, at: now });
    }

    #start(item: Item): void {
        const end = this.#work(item)
            .catch((error: unknown) => this.#fault(error, item.key))
            .finally(() => {
                this.#working.delete(item.key);
                this.#noteEnd(item.key);
                this.#look();
            });
        this.#working.set(item.key, { end, who: this.#part.ofOne?.who(item) });
    }

    async #work(item: Item): Promise<void> {
        const wakes = this.#wakes;
        const outcome = await this.#part.work(item);
        const now = this.#part.now();
        switch (outcome.is) {
            case "done":
                return this.#part.record(item, undefined);
            case "unready":
                if (wakes === this.#wakes) this.#unready.add(item.key);
                return;
            case "waits":
                return this.#part.record(item, { at: outcome.until, failures: item.failures, notBefore: 0 });
            case "failed": {
                const { retryAfterMs, forAll, cause, why } = outcome;
                const wait = waitAfterFailure(item.failures, this.#part.pace, this.#randomOf(cause), retryAfterMs);
                if (forAll === true) this.#notBefore = now + wait;
                const notBefore = retryAfterMs === undefined ? 0 : now + retryAfterMs;
                return this.#part.record(item, { at: now + wait, failures: item.failures + 1, notBefore }, why);
            }
        }
    }

    #randomOf(cause: unknown): number {
        if (typeof cause !== "object" || cause === null) return this.#part.random();
        const random = this.#spread.get(cause) ?? this.#part.random();
        this.#spread.set(cause, random);
        return random;
    }

    /**
     * The bot stops: its requests are aborted before anybody stops this. Else where it stands could not be found out or
     * written down.
     */
    #fault(error: unknown, key?: string): void {
        if (isAbort(error)) this.#stopping.abort();
        if (this.#stopping.signal.aborted) return;
        this.#notBefore = this.#part.now() + restAfterFault;
        this.#part.log.error(
            { ...(key === undefined ? {} : { item: key }), err: error },
            `a fault stopped ${this.#part.name}; resting`,
        );
        this.#wakeIn(restAfterFault);
    }

    #wakeIn(milliseconds: number): void {
        clearTimeout(this.#timer);
        if (this.#stopping.signal.aborted || milliseconds === Number.POSITIVE_INFINITY) return;
        this.#timer = setTimeout(() => this.#look(), Math.min(milliseconds, longestTimer));
    }
}
