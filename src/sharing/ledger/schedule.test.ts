import fc from "fast-check";
import { expect, test } from "vitest";
import { retryDelay } from "./schedule.ts";

test.each([
    ["the first failure waits about two seconds", 0, 0.999_999, 0, 2_000],
    ["jitter takes up to half away", 0, 0, 0, 1_000],
    ["each failure doubles", 3, 0, 0, 8_000],
    ["a quarter of an hour is the most", 50, 0.999_999, 0, 900_000],
    ["what the server asks for comes first", 0, 0, 320_000, 320_000],
])("%s", (_, attempts, random, notBefore, delay) => {
    expect(retryDelay(attempts, random, notBefore)).toBe(delay);
});

test("a delay is always at least a second and never before the server's own time", () => {
    fc.assert(
        fc.property(
            fc.nat(),
            fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
            fc.nat(10_000_000),
            (attempts, random, notBefore) => {
                const delay = retryDelay(attempts, random, notBefore);
                expect(delay).toBeGreaterThanOrEqual(Math.max(1_000, notBefore));
                expect(delay).toBeLessThanOrEqual(Math.max(900_000, notBefore));
            },
        ),
    );
});
