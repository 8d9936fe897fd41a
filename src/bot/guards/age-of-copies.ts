import type { StoreGeneration } from "../../account/index.ts";
import { Failure } from "../../failures/index.ts";
import type { Logger } from "../../telemetry/index.ts";

/** Milliseconds. A copy that is put back within one such time after it was made is not told from the store itself. */
const lookEveryMs = 300_000;
/** Looks after which it is counted all the same: so a homeserver that went back is noticed within the hour. */
const quietLooks = 12;

interface Parts {
    /** How many commits the crypto store has: while there are no more, a copy of it is as good as it. */
    readonly commits: () => number;
    readonly log: Logger;
    readonly end: (failure: Failure) => void;
}

/** Makes copies of the store old ones: soon after it changed, hourly, and when somebody says that there is one. */
export class AgeOfCopies {
    readonly #generation: Pick<StoreGeneration, "claim">;
    readonly #parts: Parts;
    #timer: NodeJS.Timeout | undefined;
    /** The commits after the last count. */
    #counted: number;
    #quiet = 0;
    /** Counts that have not ended: an absent homeserver is waited for. */
    #underWay = 0;
    #running: Promise<void> = Promise.resolve();

    constructor(generation: Pick<StoreGeneration, "claim">, parts: Parts) {
        this.#generation = generation;
        this.#parts = parts;
        this.#counted = parts.commits();
    }

    start(): void {
        this.#timer = setInterval(() => this.look(), lookEveryMs).unref();
    }

    /** Counts if the store has changed since, or for too long nobody has counted. */
    look(): void {
        this.#quiet++;
        if (this.#underWay > 0) return;
        if (this.#parts.commits() !== this.#counted || this.#quiet >= quietLooks) this.count();
    }

    /** Returns at once. What fails for want of a homeserver or of disk is done again by a later look. */
    count(): void {
        // Not one with a count under way: that may have begun before the copy was made, and the copy have its number.
        this.#underWay++;
        this.#running = this.#running.then(() => this.#count());
    }

    async stop(): Promise<void> {
        clearInterval(this.#timer);
        await this.#running;
    }

    async #count(): Promise<void> {
        try {
            await this.#generation.claim();
            this.#counted = this.#parts.commits();
            this.#quiet = 0;
        } catch (error) {
            if (error instanceof Failure && error.code === "store_outdated") this.#parts.end(error);
            else this.#parts.log.debug({ err: error }, "the store's generation was not counted; a later look does it");
        } finally {
            this.#underWay--;
        }
    }
}
