export { isAbort } from "../failures/index.ts";

/** Why a homeserver could not be reached. */
export type UnreachableReason = "dns" | "refused" | "tls" | "timeout" | "connection";

/**
 * What went wrong with a request, one variant per cause. `error` is the server's own sentence, cut to a bounded length.
 */
export type HomeserverProblem =
    /** No answer at all. */
    | { readonly kind: "unreachable"; readonly reason: UnreachableReason; readonly detail: string }
    /** The answer is not what a homeserver says: a proxy's page, a redirect, another service. */
    | { readonly kind: "not_matrix"; readonly status: number; readonly detail: string }
    /** JSON, but not of the shape that the specification gives. */
    | { readonly kind: "malformed"; readonly detail: string }
    | { readonly kind: "rate_limited"; readonly retryAfterMs: number | undefined }
    | {
          readonly kind: "server_error";
          readonly status: number;
          readonly errcode: string;
          readonly error: string;
          readonly retryAfterMs: number | undefined;
      }
    | { readonly kind: "unknown_token"; readonly softLogout: boolean }
    | { readonly kind: "user_locked" | "user_suspended" | "user_deactivated"; readonly error: string }
    /** User-interactive authentication is asked for; `flows` as the server lists them. */
    | {
          readonly kind: "auth_required";
          readonly session: string | undefined;
          readonly flows: readonly (readonly string[])[];
          readonly errcode: string | undefined;
      }
    | { readonly kind: "forbidden" | "not_found" | "too_large"; readonly errcode: string; readonly error: string }
    /** The server does not know this endpoint. */
    | { readonly kind: "unrecognized"; readonly status: number }
    /** Any other refusal. */
    | { readonly kind: "invalid"; readonly status: number; readonly errcode: string; readonly error: string };

/** The homeserver did not do what it was asked; `problem` says why, as facts. Holds no token and no body. */
export class HomeserverError extends Error {
    /** The request's name, such as `keys_query`. */
    readonly operation: string;
    readonly problem: HomeserverProblem;

    constructor(operation: string, problem: HomeserverProblem, options?: ErrorOptions) {
        super(`${operation}: ${describe(problem)}`, options);
        this.name = "HomeserverError";
        this.operation = operation;
        this.problem = problem;
    }
}

/** The problem's kind if `error` is the homeserver's; undefined for anything else. */
export function problemOf(error: unknown): HomeserverProblem | undefined {
    return error instanceof HomeserverError ? error.problem : undefined;
}

/** Milliseconds for which whoever refused does not want to be asked; undefined: they named no time. */
export function retryAfterOf(error: unknown): number | undefined {
    const problem = problemOf(error);
    return problem !== undefined && "retryAfterMs" in problem ? problem.retryAfterMs : undefined;
}

function describe(problem: HomeserverProblem): string {
    switch (problem.kind) {
        case "unreachable":
            return `the homeserver cannot be reached (${problem.reason}: ${problem.detail})`;
        case "not_matrix":
            return `the answer does not come from a Matrix homeserver (HTTP ${problem.status}: ${problem.detail})`;
        case "malformed":
            return `the homeserver's answer is malformed: ${problem.detail}`;
        case "rate_limited":
            return `the homeserver asks to slow down${problem.retryAfterMs === undefined ? "" : ` for ${problem.retryAfterMs} ms`}`;
        case "unknown_token":
            return `the homeserver does not know this access token${problem.softLogout ? " any more (soft logout)" : ""}`;
        case "auth_required":
            return `the homeserver asks for the user's authentication${problem.errcode === undefined ? "" : ` again (${problem.errcode})`}`;
        case "unrecognized":
            return "the homeserver does not know this endpoint";
        case "user_locked":
        case "user_suspended":
        case "user_deactivated":
            return `the account is ${problem.kind.slice("user_".length)}: ${problem.error}`;
        case "server_error":
        case "invalid":
            return `HTTP ${problem.status} ${problem.errcode}: ${problem.error}`;
        default:
            return `${problem.errcode}: ${problem.error}`;
    }
}
