/**
 * One round of work at a time. A call during a round is not lost: as the round may have looked already, another one
 * follows it.
 */
export class Rounds {
    readonly #work: () => Promise<void>;
    #running: Promise<void> | undefined;
    #isWanted = false;
    #isStopped = false;

    constructor(work: () => Promise<void>) {
        this.#work = work;
    }

    /** For the work, to end early. */
    get isStopped(): boolean {
        return this.#isStopped;
    }

    wake(): void {
        if (this.#isStopped) return;
        this.#isWanted = true;
        this.#running ??= this.#run();
    }

    /** Resolves at the end of the round under way. */
    async stop(): Promise<void> {
        this.#isStopped = true;
        await this.#running;
    }

    async #run(): Promise<void> {
        try {
            while (this.#isWanted && !this.#isStopped) {
                this.#isWanted = false;
                await this.#work();
            }
        } finally {
            // In the same turn as the last look: a call in between would be lost.
            this.#running = undefined;
        }
    }
}
