import { Failure } from "../failures/index.ts";
import { problemOf } from "../homeserver/index.ts";

/**
 * What an operator can do about an error of the homeserver that is nobody's special case, as a failure; anything else
 * stays what it is. Only commands meet the unreachable ones: the bot waits them out.
 */
export function explain(error: unknown, url: string, userId: string): unknown {
    const problem = problemOf(error);
    const options = { cause: error };
    switch (problem?.kind) {
        case "unreachable":
            return new Failure(
                "homeserver_unreachable",
                { url, detail: `${problem.reason}, ${problem.detail}` },
                options,
            );
        case "rate_limited":
        case "server_error":
            return new Failure(
                "homeserver_unreachable",
                { url, detail: error instanceof Error ? error.message : problem.kind },
                options,
            );
        case "not_matrix":
            return new Failure(
                "homeserver_wrong",
                { url, detail: `HTTP ${problem.status}, ${problem.detail}` },
                options,
            );
        case "user_locked":
        case "user_suspended":
            return new Failure("account_locked", { user: userId, state: problem.kind.slice("user_".length) }, options);
        case "user_deactivated":
            return new Failure("account_deactivated", { user: userId }, options);
        case "malformed":
        case "forbidden":
        case "not_found":
        case "too_large":
        case "unrecognized":
        case "invalid":
            return new Failure(
                "homeserver_refused",
                { url, detail: error instanceof Error ? error.message : problem.kind },
                options,
            );
        default:
            return error;
    }
}
