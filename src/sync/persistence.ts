import { waitFor } from "../due/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { setbackOf, type Setback, type SyncProblem, waitAfter } from "./problem.ts";

export interface PersistenceParts {
    readonly logger: Logger;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    /** From 0 up to 1. */
    readonly random: () => number;
}

/** Repeats a step until it succeeds or cannot, and knows what it is waiting for. */
export class Persistence {
    readonly #parts: PersistenceParts;
    #problem: SyncProblem | undefined;

    constructor(parts: PersistenceParts) {
        this.#parts = parts;
    }

    /** What the step under way waits for. */
    get problem(): SyncProblem | undefined {
        return this.#problem;
    }

    /**
     * Answers what the step answers, and whether it failed before; undefined if `signal` aborted while it was waiting.
     * @throws what the step throws, if waiting does not heal it
     */
    async until<T>(
        step: () => T | Promise<T>,
        signal: AbortSignal,
    ): Promise<{ readonly value: T; readonly failedBefore: boolean } | undefined> {
        for (let failures = 1; ; failures++) {
            try {
                const value = await step();
                this.#over();
                return { value, failedBefore: failures > 1 };
            } catch (error) {
                if (signal.aborted) return undefined;
                const setback = setbackOf(error);
                if (setback === undefined) throw error;
                this.#note(setback);
                await waitFor(waitAfter(setback, failures, this.#parts.random()), [signal]).catch(() => undefined);
                if (signal.aborted) return undefined;
            }
        }
    }

    /** One line for each problem, not one for each attempt. */
    #note({ code, message }: Setback): void {
        const { logger, now } = this.#parts;
        if (this.#problem?.code === code) {
            this.#problem = { ...this.#problem, message };
            logger.debug({ problem: code, detail: message }, "the sync still waits");
        } else {
            this.#problem = { code, message, since: now() };
            logger.warn({ problem: code, detail: message }, "the sync waits; nothing is lost meanwhile");
        }
    }

    #over(): void {
        if (this.#problem === undefined) return;
        const { code, since } = this.#problem;
        this.#parts.logger.info({ problem: code, for_ms: this.#parts.now() - since }, "the sync goes on");
        this.#problem = undefined;
    }
}
