import type { HomeserverProblem } from "./errors.ts";

/**
 * What the homeserver does not want to be asked for a while. Requests under one limit are refused together: the limit's
 * name is the caller's guess at what the homeserver counts together, as no answer says that.
 */
export class Refusals {
    /** By limit: when it ends, by the monotonic clock; only those that have not ended. */
    readonly #until = new Map<string, number>();

    /** Whole milliseconds for which nothing may be asked under this limit. */
    left(limit: string): number {
        return Math.max(0, Math.floor((this.#until.get(limit) ?? 0) - performance.now()));
    }

    note(limit: string, problem: HomeserverProblem): void {
        const { retryAfterMs = 0 } = "retryAfterMs" in problem ? problem : {};
        if (retryAfterMs === 0) return;
        for (const known of this.#until.keys()) if (this.left(known) === 0) this.#until.delete(known);
        this.#until.set(limit, performance.now() + retryAfterMs);
    }
}
