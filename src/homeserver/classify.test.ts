import { expect, test } from "vitest";
import { classifyAnswer, classifyFailure } from "./classify.ts";
import { DeadlinePassed } from "./deadline.ts";
import type { HomeserverProblem } from "./errors.ts";
import { AnswerTooLong, HttpAnswer } from "./transport.ts";

const now = Date.UTC(2026, 0, 1, 12, 0, 0);

function answer(status: number, body: unknown, headers: Record<string, string> = {}): HttpAnswer {
    return new HttpAnswer(
        status,
        new Headers(headers),
        Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    );
}

const error = "a reason";
const flows = [{ stages: ["m.login.password"] }];

test.each<readonly [string, HttpAnswer, HomeserverProblem]>([
    [
        "retry_after_ms",
        answer(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 1500.2 }),
        { kind: "rate_limited", retryAfterMs: 1501 },
    ],
    [
        "Retry-After in seconds, before retry_after_ms",
        answer(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 1 }, { "retry-after": "3" }),
        { kind: "rate_limited", retryAfterMs: 3000 },
    ],
    [
        "Retry-After as a date",
        answer(429, {}, { "retry-after": "Thu, 01 Jan 2026 12:00:10 GMT" }),
        { kind: "rate_limited", retryAfterMs: 10_000 },
    ],
    [
        "a Retry-After in the past",
        answer(429, {}, { "retry-after": "Thu, 01 Jan 2026 11:00:00 GMT" }),
        { kind: "rate_limited", retryAfterMs: 0 },
    ],
    [
        "a senseless Retry-After",
        answer(429, {}, { "retry-after": "soon" }),
        { kind: "rate_limited", retryAfterMs: undefined },
    ],
    [
        "a wrong type of retry_after_ms",
        answer(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: "1" }),
        { kind: "rate_limited", retryAfterMs: undefined },
    ],
    [
        "a year of waiting is cut to a day",
        answer(429, {}, { "retry-after": "31536000" }),
        { kind: "rate_limited", retryAfterMs: 86_400_000 },
    ],
    ["a proxy's 429 page", answer(429, "<html>", { "retry-after": "2" }), { kind: "rate_limited", retryAfterMs: 2000 }],
    [
        "a 500 of the homeserver",
        answer(500, { errcode: "M_UNKNOWN", error }),
        { kind: "server_error", status: 500, errcode: "M_UNKNOWN", error, retryAfterMs: undefined },
    ],
    [
        "a gateway's page",
        answer(502, "<html>"),
        {
            kind: "server_error",
            status: 502,
            errcode: "none",
            error: "an answer that is not Matrix",
            retryAfterMs: undefined,
        },
    ],
    ["a hard logout", answer(401, { errcode: "M_UNKNOWN_TOKEN", error }), { kind: "unknown_token", softLogout: false }],
    [
        "a soft logout",
        answer(401, { errcode: "M_UNKNOWN_TOKEN", error, soft_logout: true }),
        { kind: "unknown_token", softLogout: true },
    ],
    [
        "a soft logout of the wrong type is none",
        answer(401, { errcode: "M_UNKNOWN_TOKEN", soft_logout: "yes" }),
        { kind: "unknown_token", softLogout: false },
    ],
    [
        "a locked account, although it says soft_logout too",
        answer(401, { errcode: "M_USER_LOCKED", error, soft_logout: true }),
        { kind: "user_locked", error },
    ],
    ["a suspended account", answer(403, { errcode: "M_USER_SUSPENDED", error }), { kind: "user_suspended", error }],
    [
        "a deactivated account",
        answer(403, { errcode: "M_USER_DEACTIVATED", error }),
        { kind: "user_deactivated", error },
    ],
    [
        "user-interactive authentication",
        answer(401, { flows, session: "s", params: {} }),
        { kind: "auth_required", session: "s", flows: [["m.login.password"]], errcode: undefined },
    ],
    [
        "a wrong answer to it",
        answer(401, { flows, session: "s", errcode: "M_FORBIDDEN", error }),
        { kind: "auth_required", session: "s", flows: [["m.login.password"]], errcode: "M_FORBIDDEN" },
    ],
    [
        "no permission",
        answer(403, { errcode: "M_FORBIDDEN", error }),
        { kind: "forbidden", errcode: "M_FORBIDDEN", error },
    ],
    [
        "no such thing",
        answer(404, { errcode: "M_NOT_FOUND", error }),
        { kind: "not_found", errcode: "M_NOT_FOUND", error },
    ],
    ["no such endpoint", answer(404, { errcode: "M_UNRECOGNIZED", error }), { kind: "unrecognized", status: 404 }],
    ["too large", answer(413, { errcode: "M_TOO_LARGE", error }), { kind: "too_large", errcode: "M_TOO_LARGE", error }],
    [
        "a proxy's 413",
        answer(413, "<html>"),
        { kind: "too_large", errcode: "none", error: "something before the homeserver refuses a body of this size" },
    ],
    [
        "another errcode",
        answer(400, { errcode: "M_BAD_JSON", error }),
        { kind: "invalid", status: 400, errcode: "M_BAD_JSON", error },
    ],
    [
        "an errcode without a sentence",
        answer(400, { errcode: "X" }),
        { kind: "invalid", status: 400, errcode: "X", error: "no explanation" },
    ],
    [
        "a redirect",
        answer(301, "", { location: "https://elsewhere/" }),
        { kind: "not_matrix", status: 301, detail: "it redirects to https://elsewhere/" },
    ],
    [
        "a web server's 404",
        answer(404, "<html>", { "content-type": "text/html" }),
        { kind: "not_matrix", status: 404, detail: "content type text/html, 6 bytes" },
    ],
    [
        "JSON of something else",
        answer(403, { message: "no" }),
        { kind: "not_matrix", status: 403, detail: "content type missing, 16 bytes" },
    ],
])("%s", (_, given, problem) => expect(classifyAnswer(given, now)).toEqual(problem));

test("a server's sentence is one line of bounded length", () => {
    const problem = classifyAnswer(answer(400, { errcode: "X", error: `a\n\u001b[31m${"b".repeat(1000)}` }), now);
    expect(problem).toMatchObject({ error: expect.stringMatching(/^a \[31mb{294}$/) as unknown });
});

const failed = (code: string): Error =>
    new TypeError("fetch failed", { cause: Object.assign(new Error("inner"), { code }) });

test.each<readonly [string, unknown, HomeserverProblem]>([
    ["an unknown name", failed("ENOTFOUND"), { kind: "unreachable", reason: "dns", detail: "ENOTFOUND" }],
    ["a resolver that is away", failed("EAI_AGAIN"), { kind: "unreachable", reason: "dns", detail: "EAI_AGAIN" }],
    ["a closed port", failed("ECONNREFUSED"), { kind: "unreachable", reason: "refused", detail: "ECONNREFUSED" }],
    [
        "a port that swallows",
        failed("UND_ERR_CONNECT_TIMEOUT"),
        { kind: "unreachable", reason: "timeout", detail: "UND_ERR_CONNECT_TIMEOUT" },
    ],
    [
        "a certificate nobody knows",
        failed("DEPTH_ZERO_SELF_SIGNED_CERT"),
        { kind: "unreachable", reason: "tls", detail: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    ],
    [
        "a certificate chain that ends",
        failed("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
        { kind: "unreachable", reason: "tls", detail: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    ],
    [
        "HTTPS spoken to an HTTP port",
        failed("ERR_SSL_PACKET_LENGTH_TOO_LONG"),
        { kind: "unreachable", reason: "tls", detail: "ERR_SSL_PACKET_LENGTH_TOO_LONG" },
    ],
    ["a reset", failed("ECONNRESET"), { kind: "unreachable", reason: "connection", detail: "ECONNRESET" }],
    [
        "several addresses, none of which answers",
        new TypeError("fetch failed", {
            cause: new AggregateError([Object.assign(new Error("a"), { code: "ECONNREFUSED" })]),
        }),
        { kind: "unreachable", reason: "refused", detail: "ECONNREFUSED" },
    ],
    [
        "our own time-out",
        new DeadlinePassed(5),
        { kind: "unreachable", reason: "timeout", detail: "no complete answer within 5 ms" },
    ],
    ["an endless answer", new AnswerTooLong(5), { kind: "malformed", detail: "the answer is longer than 5 bytes" }],
    [
        "something without a code",
        new Error("other side\nclosed"),
        { kind: "unreachable", reason: "connection", detail: "other side closed" },
    ],
])("%s", (_, error, problem) => expect(classifyFailure(error)).toEqual(problem));
