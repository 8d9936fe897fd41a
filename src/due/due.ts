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
export type Outcome =
    | { readonly is: "done" }
    /** Nothing failed, and it is to be looked at again at this time of the part's clock. */
    | { readonly is: "waits"; readonly until: number }
    /** It may succeed later. `forAll`: whoever refused it would refuse the part's other items as well. */
    | { readonly is: "failed"; readonly retryAfterMs?: number | undefined; readonly forAll?: boolean };

/** When an item is taken up again, by the part's clock. */
export interface Later {
    readonly at: number;
    readonly failures: number;
    /** Before this time whoever refused does not want to be asked, whatever else happens meanwhile. */
    readonly notBefore: number;
}

/** What a part has to say of itself. */
export interface DuePart<Item extends DueItem> {
    /** What it does, for the log: "the refreshing of bundles". */
    readonly name: string;
    readonly log: Pick<Logger, "error">;
    /** The clock that the part's times are kept in, in milliseconds. */
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
    work(item: Item): Promise<Outcome>;
    /** Writes down when the item is taken up again; undefined: it is done. */
    record(item: Item, later: Later | undefined): void;
}

/** Milliseconds of rest when something happened that nobody expected: the ledger cannot be written, most often. */
const restAfterFault = 30_000;
/** Milliseconds before an item that is due again at once is taken up again: a mistake in a due time must not spin. */
const restOfItem = 1_000;
/**
 * Milliseconds. A timer waits by another clock than the part's, which may be set meanwhile; and one above 24 days fires
 * at once.
 */
const longestTimer = 60_000;

/**
 * Works on what has fallen due, and again when the next falls due. A part that does something later is made of one of
 * these and of answers to three questions; it has no timer, no backoff and no clock guard of its own.
 *
 * 1. *What is due, and when is the next?* A table with a due time and a `not_before` for each row; `waitsUntil` is the
 *    SQL that both `due` and `nextAt` are written with, and it knows of clocks that were set. A wake may list what is
 *    under way: that is left out.
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
 * Due times are kept by the part's clock, rests of the whole part by one that never jumps.
 */
export class Due<Item extends DueItem> {
    readonly #part: DuePart<Item>;
    readonly #stopping = new AbortController();
    readonly #working = new Map<string, { readonly end: Promise<void>; readonly who: string | undefined }>();
    /** When the work on an item ended, by the monotonic clock; only those that rest. */
    readonly #ended = new Map<string, number>();
    #timer: NodeJS.Timeout | undefined;
    /** By the monotonic clock. */
    #notBefore = Number.NEGATIVE_INFINITY;

    constructor(part: DuePart<Item>) {
        this.#part = part;
    }

    wake(): void {
        if (this.#stopping.signal.aborted || this.#working.size >= this.#part.atOnce) return;
        clearTimeout(this.#timer);
        const resting = this.#notBefore - performance.now();
        if (resting > 0) return this.#wakeIn(resting);
        try {
            this.#wakeIn(this.#begin());
        } catch (error) {
            this.#fault(error);
        }
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
            if (this.#working.has(item.key) || this.#hasItsShare(item)) continue;
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

    #restOf(key: string): number {
        const rest = (this.#ended.get(key) ?? Number.NEGATIVE_INFINITY) + restOfItem - performance.now();
        if (rest <= 0) this.#ended.delete(key);
        return rest;
    }

    #start(item: Item): void {
        const end = this.#work(item)
            .catch((error: unknown) => this.#fault(error, item.key))
            .finally(() => {
                this.#working.delete(item.key);
                this.#ended.set(item.key, performance.now());
                for (const key of this.#ended.keys()) this.#restOf(key);
                this.wake();
            });
        this.#working.set(item.key, { end, who: this.#part.ofOne?.who(item) });
    }

    async #work(item: Item): Promise<void> {
        const outcome = await this.#part.work(item);
        const now = this.#part.now();
        switch (outcome.is) {
            case "done":
                return this.#part.record(item, undefined);
            case "waits":
                return this.#part.record(item, { at: outcome.until, failures: item.failures, notBefore: 0 });
            case "failed": {
                const { retryAfterMs, forAll } = outcome;
                const wait = waitAfterFailure(item.failures, this.#part.pace, this.#part.random(), retryAfterMs);
                if (forAll === true) this.#notBefore = performance.now() + wait;
                const notBefore = retryAfterMs === undefined ? 0 : now + retryAfterMs;
                return this.#part.record(item, { at: now + wait, failures: item.failures + 1, notBefore });
            }
        }
    }

    /**
     * The bot stops: its requests are aborted before anybody stops this. Else where it stands could not be found out or
     * written down.
     */
    #fault(error: unknown, key?: string): void {
        if (isAbort(error)) this.#stopping.abort();
        if (this.#stopping.signal.aborted) return;
        this.#notBefore = performance.now() + restAfterFault;
        this.#part.log.error({ ...(key === undefined ? {} : { item: key }), err: error }, `a fault stopped ${this.#part.name}; resting`);
        this.#wakeIn(restAfterFault);
    }

    #wakeIn(milliseconds: number): void {
        clearTimeout(this.#timer);
        if (this.#stopping.signal.aborted || milliseconds === Number.POSITIVE_INFINITY) return;
        this.#timer = setTimeout(() => this.wake(), Math.min(milliseconds, longestTimer));
    }
}
