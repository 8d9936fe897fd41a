import { expect, test } from "vitest";
import { AnswerLimits } from "./answer-limits.ts";

const minute = 60_000;

test("each request is answered once, whoever else uses its ID", () => {
    const limits = new AnswerLimits();
    expect([limits.take("@a:x", "1", 0), limits.take("@a:x", "1", 14 * minute)]).toEqual([true, false]);
    expect(limits.take("@b:x", "1", 14 * minute)).toBe(true);
});

test("one user is answered five times a minute, and others none the less", () => {
    const limits = new AnswerLimits();
    const taken = Array.from({ length: 7 }, (_, index) => limits.take("@a:x", String(index), index));
    expect(taken).toEqual([true, true, true, true, true, false, false]);
    expect(limits.take("@b:x", "1", 7)).toBe(true);
    expect(limits.take("@a:x", "7", minute + 1)).toBe(true);
});

test("all together are answered sixty times a minute", () => {
    const limits = new AnswerLimits();
    const taken = Array.from({ length: 70 }, (_, index) => limits.take(`@${index}:x`, "1", index));
    expect(taken.filter(Boolean)).toHaveLength(60);
    expect(limits.take("@late:x", "1", 2 * minute)).toBe(true);
});

test("what was refused is answered when it is asked again later", () => {
    const limits = new AnswerLimits();
    for (const request of ["1", "2", "3", "4", "5", "6"]) limits.take("@a:x", request, 0);
    expect(limits.take("@a:x", "6", minute)).toBe(true);
});
