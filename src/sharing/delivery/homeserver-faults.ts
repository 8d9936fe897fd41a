import { Failure, isAbort } from "../../failures/index.ts";
import { HomeserverError, type HomeserverProblem, isTransient } from "../../homeserver/index.ts";
import { refusalBelievedAfter } from "../ledger/schedule.ts";
import { Halt } from "../policy/halt.ts";

/** What a fault means for a share job: whatever can heal is tried again, what cannot ends the job with its reason. */
export function haltFor(error: unknown): Halt {
    if (error instanceof Halt) return error;
    // A full disk, a dead worker, lost credentials: an operator heals these, if need be with a restart, and the
    // delivery must still be there.
    if (error instanceof Failure) return new Halt(["retry", "bot_interrupted"], { cause: error });
    if (!(error instanceof HomeserverError)) return new Halt(["failed", "internal_error"], { cause: error });
    return haltForProblem(error.problem, error);
}

/** A request for many that the homeserver refuses for good: it may be for the sake of one of them. */
export function refusesOne(error: unknown): boolean {
    return error instanceof HomeserverError && !isTransient(error.problem);
}

/**
 * Something failed that many had asked for, maybe for the sake of one of them: a refusal, or a fault that nobody
 * expected. A dead worker, a full disk or a stop is nobody's.
 */
export function isOnesFault(error: unknown): boolean {
    if (error instanceof HomeserverError) return refusesOne(error);
    return !(error instanceof Failure) && !isAbort(error);
}

/**
 * Whether this refusal is not believed yet. A proxy, a restart or a quota may say no to anything for a while; that
 * something is too large is a matter of fact.
 * @param refusedFor for how long the homeserver has refused what the job asks, in milliseconds of `RunningClock`
 */
export function mayBePassing({ to, reason }: Pick<Halt, "to" | "reason">, refusedFor: () => number): boolean {
    const mayPass = reason === "upload_refused" || reason === "refused_by_homeserver";
    return to === "failed" && mayPass && refusedFor() < refusalBelievedAfter;
}

function haltForProblem(problem: HomeserverProblem, cause: HomeserverError): Halt {
    const detail = cause.message;
    switch (problem.kind) {
        case "rate_limited":
        case "server_error":
            return new Halt(["retry", "homeserver_unavailable"], { cause, detail, notBefore: problem.retryAfterMs });
        case "unreachable":
        case "not_matrix":
        case "malformed":
        case "unknown_token":
        case "user_locked":
        case "user_suspended":
            return new Halt(["retry", "homeserver_unavailable"], { cause, detail });
        case "too_large":
            return new Halt(["failed", isUpload(cause) ? "bundle_too_large" : "refused_by_homeserver"], {
                cause,
                detail,
            });
        case "forbidden":
        case "not_found":
        case "invalid":
        case "unrecognized":
        case "auth_required":
        case "user_deactivated":
            return new Halt(["failed", isUpload(cause) ? "upload_refused" : "refused_by_homeserver"], {
                cause,
                detail,
            });
    }
}

function isUpload({ operation }: HomeserverError): boolean {
    return operation.includes("media");
}
