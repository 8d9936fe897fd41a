/** Lets at most so many of the pieces of work given to it be under way at once, in the order in which they came. */
export class ConcurrencyLimit {
    readonly #most: number;
    readonly #waiting: (() => void)[] = [];
    #underWay = 0;

    constructor(most: number) {
        this.#most = most;
    }

    async run<T>(work: () => Promise<T>): Promise<T> {
        if (this.#underWay < this.#most) this.#underWay += 1;
        else await new Promise<void>((go) => this.#waiting.push(go));
        try {
            return await work();
        } finally {
            // A place is handed on, not given up and taken again: nobody slips in between.
            const next = this.#waiting.shift();
            if (next === undefined) this.#underWay -= 1;
            else next();
        }
    }
}

/** So many for each name: who waits, waits for their own kind only. */
export class ConcurrencyLimitEach {
    readonly #most: number;
    readonly #places = new Map<string, { readonly places: ConcurrencyLimit; users: number }>();

    constructor(most: number) {
        this.#most = most;
    }

    async run<T>(name: string, work: () => Promise<T>): Promise<T> {
        const own = this.#places.get(name) ?? { places: new ConcurrencyLimit(this.#most), users: 0 };
        this.#places.set(name, own);
        own.users += 1;
        try {
            return await own.places.run(work);
        } finally {
            own.users -= 1;
            if (own.users === 0) this.#places.delete(name);
        }
    }
}
