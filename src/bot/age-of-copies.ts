import type { StoreGeneration } from "../account/index.ts";
import { Failure } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";

/** Milliseconds. A copy that is put back within one such time after it was made is not told from the store itself. */
const hour = 3_600_000;

interface Parts {
    readonly log: Logger;
    readonly end: (failure: Failure) => void;
}

/** Makes copies of the store old ones, hourly and when somebody says that there is one. */
export class AgeOfCopies {
    readonly #generation: Pick<StoreGeneration, "claim">;
    readonly #parts: Parts;
    #timer: NodeJS.Timeout | undefined;
    #running: Promise<void> = Promise.resolve();

    constructor(generation: Pick<StoreGeneration, "claim">, parts: Parts) {
        this.#generation = generation;
        this.#parts = parts;
    }

    start(): void {
        this.#timer = setInterval(() => this.count(), hour).unref();
    }

    /** Returns at once. What fails for want of a homeserver or of disk is done again an hour later. */
    count(): void {
        // Not one with a count under way: that may have begun before the copy was made, and the copy have its number.
        this.#running = this.#running.then(() => this.#count());
    }

    async stop(): Promise<void> {
        clearInterval(this.#timer);
        await this.#running;
    }

    async #count(): Promise<void> {
        try {
            await this.#generation.claim();
        } catch (error) {
            if (error instanceof Failure && error.code === "store_outdated") this.#parts.end(error);
            else this.#parts.log.debug({ err: error }, "the store's generation was not counted; it is tried again within the hour");
        }
    }
}
