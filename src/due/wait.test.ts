import { expect, test } from "vitest";
import { waitAfterFailure } from "./wait.ts";

const pace = { first: 1_000, longest: 60_000 };

test.each<[string, number, number, number | undefined, number]>([
    ["the first failure", 0, 0, undefined, 1_000],
    ["the fourth", 3, 0, undefined, 8_000],
    ["a thousand", 1_000, 0, undefined, 60_000],
    ["the first, spread", 0, 0.5, undefined, 1_050],
    ["a refusal for longer than the pace", 0, 0, 30_000, 30_000],
    ["a refusal for longer than the longest wait", 9, 0, 3_600_000, 3_600_000],
    ["a refusal, spread: never before its time", 0, 0.5, 30_000, 31_500],
    ["a refusal for less than the pace", 6, 0, 1, 60_000],
])("after %s", (_, failures, random, retryAfterMs, wait) => {
    expect(waitAfterFailure(failures, pace, random, retryAfterMs)).toBe(wait);
});
