/** Milliseconds for which a time has to be over: a clock that jumps ahead for a moment ends no waiting. */
export const overFor = 600_000;

export interface Clocks {
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    /** Milliseconds, of a clock that nobody sets. */
    readonly monotonic: () => number;
}

/** Whether times are over, and not by a jump of the clock. */
export class BelievedTime {
    readonly #clocks: Clocks;
    /** By what waits: since when its time has seemed to be over, by the monotonic clock. */
    readonly #overSince = new Map<string, number>();

    constructor(clocks: Clocks) {
        this.#clocks = clocks;
    }

    /** @param until milliseconds since the epoch */
    isOver(name: string, until: number): boolean {
        const { monotonic, now } = this.#clocks;
        if (now() <= until) {
            this.#overSince.delete(name);
            return false;
        }
        const since = this.#overSince.get(name) ?? monotonic();
        this.#overSince.set(name, since);
        return monotonic() - since >= overFor;
    }

    /** It waits no longer. */
    forget(name: string): void {
        this.#overSince.delete(name);
    }
}
