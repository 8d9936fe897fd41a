export interface TogetherOptions<Item, Answer> {
    /** Makes one request for these items; what it resolves to answers, or throws, for each of them. */
    readonly make: (items: readonly Item[]) => Promise<(item: Item) => Answer>;
    /** Which of those that wait, oldest first, go next: at least one. */
    readonly next: (waiting: readonly Item[]) => readonly Item[];
    /** Whether a failure may be the fault of one item: then each is tried alone, and only that one fails. */
    readonly divisible: (error: unknown) => boolean;
}

interface Waiting<Item, Answer> {
    readonly item: Item;
    readonly resolve: (answer: Answer) => void;
    readonly reject: (error: unknown) => void;
}

/**
 * Requests that many ask for at once, made together: what is asked in one turn of the event loop, or while a request is
 * under way, shares the next one. Whoever asks alone waits for nobody.
 */
export class SharedRequests<Item, Answer> {
    readonly #options: TogetherOptions<Item, Answer>;
    #waiting: readonly Waiting<Item, Answer>[] = [];
    #busy = false;

    constructor(options: TogetherOptions<Item, Answer>) {
        this.#options = options;
    }

    ask(item: Item): Promise<Answer> {
        return new Promise((resolve, reject) => {
            this.#waiting = [...this.#waiting, { item, resolve, reject }];
            if (this.#busy) return;
            this.#busy = true;
            setImmediate(() => void this.#work());
        });
    }

    async #work(): Promise<void> {
        while (this.#waiting.length > 0) {
            const chosen = new Set(this.#options.next(this.#waiting.map(({ item }) => item)));
            const calls = this.#waiting.filter(({ item }) => chosen.has(item));
            this.#waiting = this.#waiting.filter(({ item }) => !chosen.has(item));
            await this.#make(calls);
        }
        this.#busy = false;
    }

    async #make(calls: readonly Waiting<Item, Answer>[]): Promise<void> {
        const { make, divisible } = this.#options;
        try {
            const answer = await make(calls.map(({ item }) => item));
            for (const call of calls) settle(call, answer);
        } catch (error) {
            if (calls.length > 1 && divisible(error)) for (const call of calls) await this.#make([call]);
            else for (const { reject } of calls) reject(error);
        }
    }
}

function settle<Item, Answer>({ item, resolve, reject }: Waiting<Item, Answer>, answer: (item: Item) => Answer): void {
    try {
        resolve(answer(item));
    } catch (error) {
        reject(error);
    }
}

/** For `next`: this many, the oldest. */
export function oldest(most: number): <Item>(waiting: readonly Item[]) => readonly Item[] {
    return (waiting) => waiting.slice(0, most);
}
