import { expect, test } from "vitest";
import type { HomeserverProblem } from "./errors.ts";
import { retryDelay } from "./retry.ts";

const unreachable: HomeserverProblem = { kind: "unreachable", reason: "refused", detail: "ECONNREFUSED" };
const gateway: HomeserverProblem = {
    kind: "server_error",
    status: 502,
    errcode: "none",
    error: "",
    retryAfterMs: undefined,
};
const limited = (retryAfterMs: number | undefined): HomeserverProblem => ({ kind: "rate_limited", retryAfterMs });
const page: HomeserverProblem = { kind: "not_matrix", status: 200, detail: "" };

test.each<readonly [string, HomeserverProblem, number, number, number | undefined]>([
    ["the first wait is half a second", unreachable, 1, 0, 500],
    ["a tenth is spread", unreachable, 1, 1, 550],
    ["each failure doubles it", unreachable, 4, 0, 4000],
    ["a minute is the longest step", unreachable, 12, 0, 60_000],
    ["after a week of failures it is still a minute", unreachable, 10_000, 0, 60_000],
    ["a gateway's 502 is waited out like an absent server", gateway, 2, 0, 1000],
    ["a 429 without a time backs off", limited(undefined), 1, 0, 500],
    ["a named time is the least, whatever the dice say", limited(2000), 1, 0, 2000],
    ["a named time gets a little jitter on top", limited(2000), 1, 1, 2200],
    ["the jitter on a long named time is a tenth at most", limited(320_000), 9, 1, 352_000],
    ["a 503 with Retry-After is not asked earlier", { ...gateway, retryAfterMs: 7000 }, 1, 0, 7000],
    ["a zero Retry-After backs off all the same", limited(0), 5, 0, 8000],
    ["what is not Matrix may be a proxy that restarts", page, 7, 0, 32_000],
    ["a malformed answer stays malformed", { kind: "malformed", detail: "" }, 1, 1, undefined],
    ["a refusal stays a refusal", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "" }, 1, 1, undefined],
    ["an ended token does not come back", { kind: "unknown_token", softLogout: true }, 1, 1, undefined],
    ["a locked account may be unlocked within the minute", { kind: "user_locked", error: "" }, 9, 0, 60_000],
    ["a suspended account is asked about once a minute", { kind: "user_suspended", error: "" }, 1, 0, 60_000],
])("%s", (_, problem, failures, random, delay) => expect(retryDelay(problem, failures, random)).toBe(delay));
