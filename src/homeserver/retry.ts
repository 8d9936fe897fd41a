import { setTimeout as sleep } from "node:timers/promises";
import { abortError, type HomeserverError, type HomeserverProblem } from "./errors.ts";

const firstStepMs = 500;
const longestStepMs = 60_000;
/** A locked or suspended account is an admin's decision: asked about every half to whole minute. */
const lockedStepMs = 60_000;

/**
 * How long to wait before the next attempt, in milliseconds; undefined: another attempt cannot help.
 * Exponential backoff with full jitter; where the server names a time, never before it.
 * @param failures attempts that have failed so far, 1 or more
 * @param random a number from 0 up to 1
 */
export function retryDelay(problem: HomeserverProblem, failures: number, random: number): number | undefined {
    const ceiling = Math.min(longestStepMs, firstStepMs * 2 ** Math.min(failures - 1, 20));
    const { kind } = problem;
    if (kind === "unreachable" || kind === "not_matrix") return random * ceiling;
    if (kind === "user_locked" || kind === "user_suspended") return (lockedStepMs * (1 + random)) / 2;
    if (kind !== "rate_limited" && kind !== "server_error") return undefined;
    return problem.retryAfterMs === undefined ? random * ceiling : notBefore(problem.retryAfterMs, ceiling, random);
}

/** Whether the same request may succeed later without a change of ours. */
export function isTransient(problem: HomeserverProblem): boolean {
    return retryDelay(problem, 1, 0) !== undefined;
}

/** The server's own time, spread by a tenth (at least a second's worth of jitter where the backoff allows it). */
function notBefore(retryAfterMs: number, ceiling: number, random: number): number {
    return retryAfterMs + random * Math.min(ceiling, 1000 + retryAfterMs / 10);
}

/** Sleeps unless one of `signals` aborts, which throws an `AbortError`. */
export async function pause(milliseconds: number, signals: readonly AbortSignal[]): Promise<void> {
    const stop = new AbortController();
    const onAbort = (): void => stop.abort();
    for (const signal of signals) signal.addEventListener("abort", onAbort);
    try {
        if (signals.some((signal) => signal.aborted)) stop.abort();
        await sleep(milliseconds, undefined, { signal: stop.signal });
    } catch {
        throw abortError();
    } finally {
        for (const signal of signals) signal.removeEventListener("abort", onAbort);
    }
}

/** What the operator's log says about a wait. */
export function retryFacts(error: HomeserverError, failures: number, delay: number): object {
    return { operation: error.operation, kind: error.problem.kind, detail: error.message, attempt: failures, wait_ms: Math.round(delay) };
}
