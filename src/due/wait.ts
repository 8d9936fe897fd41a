/** How the waits after failures grow: from `first` to `longest`, in milliseconds. */
export interface Pace {
    readonly first: number;
    readonly longest: number;
}

/**
 * How long to wait after a failure: twice as long as after the one before, and never less than whoever refused asked
 * for. A tenth is added at random, so that what failed together does not come back together.
 * @param failures how many in a row there were before this one
 * @param random in [0, 1)
 * @param retryAfterMs what a `Retry-After` or `retry_after_ms` asked for
 * @returns milliseconds
 */
export function waitAfterFailure(failures: number, { first, longest }: Pace, random: number, retryAfterMs = 0): number {
    const wait = Math.min(longest, first * 2 ** Math.min(failures, 20));
    return Math.round(Math.max(wait, retryAfterMs) * (1 + random / 10));
}
