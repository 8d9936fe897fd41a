import { setTimeout as sleep } from "node:timers/promises";
import type { CryptoPort } from "../../crypto/index.ts";
import { Failure } from "../../failures/index.ts";
import type { Logger } from "../../telemetry/index.ts";

export interface StoreCheckOptions {
    readonly crypto: Pick<CryptoPort, "checkNext">;
    /** For the sentence. */
    readonly path: string;
    readonly log: Logger;
    /** Puts the outcome on record; what is damaged in a sentence, undefined: nothing. */
    readonly record: (damage: string | undefined) => void;
    /** Ends the check: the bot stops. */
    readonly signal: AbortSignal;
    /** Before the first piece, so that the start is not held up. In milliseconds. */
    readonly delayMs?: number;
}

/** The check takes at most this part of the worker's time. */
const share = 0.1;
const shortestPauseMs = 20;

/**
 * Reads the whole crypto store once after the start, in pieces with pauses between them, and keeps in mind what is
 * damaged.
 */
export class StoreCheck {
    readonly #options: StoreCheckOptions;
    #problem: string | undefined;

    constructor(options: StoreCheckOptions) {
        this.#options = options;
    }

    /** What is damaged and what to do about it, in a sentence. */
    problems(): readonly string[] {
        return this.#problem === undefined ? [] : [this.#problem];
    }

    /** Resolves when all is read, or the bot stops. */
    async run(): Promise<void> {
        const { log, record, signal, delayMs = 60_000 } = this.#options;
        try {
            await sleep(delayMs, undefined, { signal });
            if (!(await this.#readAll())) return;
            record(undefined);
            log.info({ operation: "store_check" }, "the crypto store was read whole, and nothing in it is damaged");
        } catch (error) {
            if (signal.aborted) return;
            if (error instanceof Failure && error.code === "store_corrupt") return this.#report(error);
            log.warn(
                { operation: "store_check", err: error },
                "the check of the crypto store was given up; the next start repeats it",
            );
        }
    }

    /** Answers whether all is well. */
    async #readAll(): Promise<boolean> {
        const { crypto, path, signal } = this.#options;
        for (;;) {
            const begun = performance.now();
            const damage = await crypto.checkNext();
            if (damage === undefined) return this.#problem === undefined;
            const [detail] = damage;
            if (detail !== undefined && this.#problem === undefined)
                this.#report(new Failure("store_corrupt", { path, detail: detail.replace(/\.$/, "") }));
            await sleep(Math.max(shortestPauseMs, (performance.now() - begun) * (1 / share - 1)), undefined, {
                signal,
            });
        }
    }

    #report(failure: Failure): void {
        const { log, record } = this.#options;
        this.#problem = failure.message;
        log.error({ operation: "store_check" }, failure.message);
        try {
            record(failure.message);
        } catch (error) {
            log.warn(
                { operation: "store_check", err: error },
                "this could not be put on record: `status` does not show it, `health` does",
            );
        }
    }
}
