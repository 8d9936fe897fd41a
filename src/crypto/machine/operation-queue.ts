/** Runs operations one after another, in the order in which they came. After `stop` nothing starts any more. */
export class OperationQueue {
    #last: Promise<unknown> = Promise.resolve();
    #stopped: Error | undefined;

    run<T>(operation: () => Promise<T>): Promise<T> {
        const result = this.#last.then(() => {
            if (this.#stopped !== undefined) throw this.#stopped;
            return operation();
        });
        this.#last = result.catch(() => undefined);
        return result;
    }

    /** @param reason what operations that have not started are rejected with */
    stop(reason: Error): void {
        this.#stopped ??= reason;
    }
}
