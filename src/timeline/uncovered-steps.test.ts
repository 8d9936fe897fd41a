import fc from "fast-check";
import { expect, test } from "vitest";
import { atOnce } from "./testing/at-once.ts";
import { uncoveredBefore, uncoveredSteps } from "./uncovered-steps.ts";

const stretch = fc.record({ lastAt: fc.nat(1_000), events: fc.integer({ min: 1, max: 50 }), covered: fc.boolean() });

test("however much is uncovered, the list stays short, and never tells of more than lies before a time", () => {
    fc.assert(
        fc.property(fc.array(stretch, { maxLength: 1_500, size: "max" }), fc.nat(1_100), (stretches, time) => {
            const uncovered = stretches.filter(({ covered }) => !covered);
            const sum = (some: typeof stretches): number => some.reduce((total, { events }) => total + events, 0);
            const steps = atOnce(uncoveredSteps(stretches));
            const before = sum(uncovered.filter(({ lastAt }) => lastAt < time));
            expect(steps.length).toBeLessThanOrEqual(101);
            expect(uncoveredBefore(steps, time)).toBeLessThanOrEqual(before);
            expect(before - uncoveredBefore(steps, time)).toBeLessThanOrEqual(sum(uncovered) / 100);
            expect(uncoveredBefore(steps, 2_000)).toBe(sum(uncovered));
        }),
        { numRuns: 200 },
    );
});

test.each([
    ["before all of it", 10, 0],
    ["at the time of a step it has not passed", 20, 3],
    ["between two", 21, 5],
    ["after all of it", 100, 9],
])("what lies before a time: %s", (_, time, events) => {
    const steps = [[10, 3] as const, [20, 5] as const, [30, 9] as const];
    expect(uncoveredBefore(steps, time)).toBe(events);
});
