import { z } from "zod";
import { DeadlinePassed } from "./deadline.ts";
import type { HomeserverProblem, UnreachableReason } from "./errors.ts";
import { AnswerTooLong, type HttpAnswer } from "./transport.ts";

const longestSentence = 300;
/** A day: a longer Retry-After is cut, because timers end at 24 days and no homeserver means it. */
const longestWaitMs = 24 * 60 * 60 * 1000;

const errorBody = z.object({
    errcode: z.string().max(255),
    error: z.string().catch("no explanation"),
    soft_logout: z.boolean().catch(false),
    retry_after_ms: z.number().nonnegative().optional().catch(undefined),
});

// The answer of user-interactive authentication need not carry an errcode. Source: Matrix v1.19, "User-interactive API
// in the REST API".
const authenticationBody = z.object({
    flows: z.array(z.object({ stages: z.array(z.string()) })).max(100),
    session: z.string().optional(),
    errcode: z.string().max(255).optional(),
});

/**
 * What an answer outside 200 to 299 means. Source: Matrix v1.19, "Standard error response". `now` in milliseconds since
 * the epoch.
 */
export function classifyAnswer(answer: HttpAnswer, now: number): HomeserverProblem {
    const json = parseJson(answer.body.toString("utf8"));
    const authentication = authenticationBody.safeParse(json);
    if (answer.statusCode === 401 && authentication.success) {
        const { flows, session, errcode } = authentication.data;
        return { kind: "auth_required", flows: flows.map(({ stages }) => stages), session, errcode };
    }
    const error = errorBody.safeParse(json);
    return error.success ? classifyErrcode(answer, error.data, now) : classifyStatus(answer, now);
}

function classifyErrcode(answer: HttpAnswer, body: z.infer<typeof errorBody>, now: number): HomeserverProblem {
    const status = answer.statusCode;
    const { errcode } = body;
    const error = sentence(body.error);
    const retryAfterMs = retryAfter(answer.headers, now) ?? bounded(body.retry_after_ms);
    if (status === 429 || errcode === "M_LIMIT_EXCEEDED") return { kind: "rate_limited", retryAfterMs };
    if (status >= 500) return { kind: "server_error", status, errcode, error, retryAfterMs };
    switch (errcode) {
        case "M_UNKNOWN_TOKEN":
            return { kind: "unknown_token", softLogout: body.soft_logout };
        case "M_USER_LOCKED":
            return { kind: "user_locked", error };
        case "M_USER_SUSPENDED":
            return { kind: "user_suspended", error };
        case "M_USER_DEACTIVATED":
            return { kind: "user_deactivated", error };
        case "M_FORBIDDEN":
            return { kind: "forbidden", errcode, error };
        case "M_NOT_FOUND":
            return { kind: "not_found", errcode, error };
        case "M_TOO_LARGE":
            return { kind: "too_large", errcode, error };
        case "M_UNRECOGNIZED":
            return { kind: "unrecognized", status };
        default:
            return { kind: "invalid", status, errcode, error };
    }
}

/** For answers that no homeserver wrote: a gateway's page has only its status. */
function classifyStatus(answer: HttpAnswer, now: number): HomeserverProblem {
    const status = answer.statusCode;
    const retryAfterMs = retryAfter(answer.headers, now);
    if (status === 429) return { kind: "rate_limited", retryAfterMs };
    if (status >= 500)
        return { kind: "server_error", status, errcode: "none", error: "an answer that is not Matrix", retryAfterMs };
    if (status === 413)
        return {
            kind: "too_large",
            errcode: "none",
            error: "something before the homeserver refuses a body of this size",
        };
    const location = answer.headers.get("location");
    if (status >= 300 && status < 400 && location !== null)
        return { kind: "not_matrix", status, detail: `it redirects to ${sentence(location)}` };
    return { kind: "not_matrix", status, detail: contentType(answer) };
}

/** What a request without an answer means. */
export function classifyFailure(error: unknown): HomeserverProblem {
    if (error instanceof DeadlinePassed) return { kind: "unreachable", reason: "timeout", detail: error.message };
    if (error instanceof AnswerTooLong) return { kind: "malformed", detail: error.message };
    const { code, message } = rootCause(error);
    return {
        kind: "unreachable",
        reason: reasons.find(([pattern]) => pattern.test(code))?.[1] ?? "connection",
        detail: code || sentence(message),
    };
}

const reasons: readonly (readonly [RegExp, UnreachableReason])[] = [
    [/^(ENOTFOUND|EAI_)/, "dns"],
    [/^ECONNREFUSED$/, "refused"],
    [/TIMEOUT|^ETIMEDOUT$/, "timeout"],
    [/CERT|TLS|SSL|^EPROTO$|SIGNATURE/, "tls"],
];

/** `fetch` wraps the socket's error, and several addresses tried in turn wrap once more. */
function rootCause(error: unknown): { readonly code: string; readonly message: string } {
    if (!(error instanceof Error)) return { code: "", message: String(error) };
    if (error.cause instanceof Error) return rootCause(error.cause);
    const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
    if (first instanceof Error) return rootCause(first);
    return { code: "code" in error && typeof error.code === "string" ? error.code : "", message: error.message };
}

/** Retry-After in milliseconds, from its seconds or its date (RFC 9110, 10.2.3). */
function retryAfter(headers: Headers, now: number): number | undefined {
    const value = headers.get("retry-after")?.trim();
    if (value === undefined || value === "") return undefined;
    return bounded(/^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now);
}

function bounded(milliseconds: number | undefined): number | undefined {
    if (milliseconds === undefined || Number.isNaN(milliseconds)) return undefined;
    return Math.min(Math.max(Math.ceil(milliseconds), 0), longestWaitMs);
}

/** The JSON value of a body; undefined if it is none. */
export function parseJson(text: string): unknown {
    try {
        const value: unknown = JSON.parse(text);
        return value;
    } catch {
        return undefined;
    }
}

export function contentType(answer: HttpAnswer): string {
    return `content type ${sentence(answer.headers.get("content-type") ?? "missing")}, ${answer.body.length} bytes`;
}

/** Somebody else's sentence: one line of bounded length. */
function sentence(text: string): string {
    return text
        .replaceAll(/\p{Cc}+/gu, " ")
        .slice(0, longestSentence)
        .toWellFormed();
}
