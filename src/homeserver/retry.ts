import { type Pace, waitAfterFailure } from "../due/index.ts";
import type { HomeserverError, HomeserverProblem } from "./errors.ts";

const usualPace: Pace = { first: 500, longest: 60_000 };
/** A locked or suspended account is an admin's decision. */
const lockedPace: Pace = { first: 60_000, longest: 60_000 };

/**
 * How long to wait before the next attempt, in milliseconds; undefined: another attempt cannot help.
 * @param failures attempts that have failed so far, 1 or more
 * @param random a number from 0 up to 1
 */
export function retryDelay(
    problem: HomeserverProblem,
    failures: number,
    random: number,
    pace = usualPace,
): number | undefined {
    switch (problem.kind) {
        case "unreachable":
        case "not_matrix":
            return waitAfterFailure(failures - 1, pace, random);
        case "user_locked":
        case "user_suspended":
            return waitAfterFailure(failures - 1, lockedPace, random);
        case "rate_limited":
        case "server_error":
            return waitAfterFailure(failures - 1, pace, random, problem.retryAfterMs);
        default:
            return undefined;
    }
}

/** Whether the same request may succeed later without a change of ours. */
export function isTransient(problem: HomeserverProblem): boolean {
    return retryDelay(problem, 1, 0) !== undefined;
}

/** What the operator's log says about a wait. */
export function retryFacts(error: HomeserverError, failures: number, delay: number): object {
    return {
        operation: error.operation,
        kind: error.problem.kind,
        detail: error.message,
        attempt: failures,
        wait_ms: Math.round(delay),
    };
}
