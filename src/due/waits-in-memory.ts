import type { DueItem, DuePart, Later } from "./due.ts";

/**
 * What is due, and when the next is, for a part whose rows hold no due times: its waits begin anew with each start of
 * the bot. The part's clock is then one that never jumps.
 */
export class WaitsInMemory<Item extends { readonly key: string }> {
    readonly #list: () => readonly Item[];
    readonly #waits = new Map<string, Later>();

    /** @param list all that is to be done now or later, the most urgent first */
    constructor(list: () => readonly Item[]) {
        this.#list = list;
    }

    /** The answers to the questions of `DuePart`. */
    get answers(): Pick<DuePart<Item & DueItem>, "due" | "nextAt" | "record"> {
        return {
            due: (now) => this.#due(now),
            nextAt: (now) => this.#nextAt(now),
            record: ({ key }, later) =>
                void (later === undefined ? this.#waits.delete(key) : this.#waits.set(key, later)),
        };
    }

    /** How often in a row it failed. */
    failuresOf(key: string): number {
        return this.#waits.get(key)?.failures ?? 0;
    }

    /** Ends the item's wait, unless it waits because it failed. */
    hurry(key: string): void {
        if (this.failuresOf(key) === 0) this.#waits.delete(key);
    }

    #due(now: number): readonly (Item & DueItem)[] {
        const all = this.#list();
        const keys = new Set(all.map(({ key }) => key));
        for (const key of this.#waits.keys()) if (!keys.has(key) && this.#until(key) <= now) this.#waits.delete(key);
        return all
            .filter(({ key }) => this.#until(key) <= now)
            .map((item) => ({ ...item, failures: this.failuresOf(item.key) }));
    }

    #nextAt(now: number): number | undefined {
        const times = [...this.#waits.keys()].map((key) => this.#until(key)).filter((until) => until > now);
        return times.length === 0 ? undefined : Math.min(...times);
    }

    #until(key: string): number {
        const { at, notBefore } = this.#waits.get(key) ?? { at: 0, notBefore: 0 };
        return Math.max(at, notBefore);
    }
}
