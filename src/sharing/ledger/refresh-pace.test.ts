import { expect, test } from "vitest";
import { nextFileAt, type Series, withKeys } from "./refresh-pace.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const now = 100 * hour;
const soon = now + 200;
const refreshed = (keysAgo: number): Series => ({ since: now - keysAgo, keysAt: now - keysAgo, dueAt: undefined });
const waiting = (sinceAgo: number, keysAgo: number, dueIn: number): Series => ({
    since: now - sinceAgo,
    keysAt: now - keysAgo,
    dueAt: now + dueIn,
});

test.each<[string, Series | undefined, number]>([
    ["none came lately", undefined, soon],
    ["the last ones have been refreshed for, and a silence came after", refreshed(20 * second), soon],
    ["the last ones have been refreshed for, and came lately", refreshed(19 * second), now + 20 * second],
    ["the refresh after a silence is about to begin", waiting(100, 100, 100), now + 100],
    ["a series goes on", waiting(30 * second, 10 * second, 10 * second), now + 20 * second],
    ["a series has gone on for nearly two minutes", waiting(115 * second, 10 * second, 10 * second), now + 5 * second],
    ["a refresh is overdue", waiting(40 * second, 10 * second, -2 * second), now - 2 * second],
    ["a refresh was put off, and a silence came after", waiting(minute, 30 * second, hour), soon],
    ["the look after a delivery is at hand", waiting(second, second, 2 * second), now + 2 * second],
    ["a refresh was put off in a series", waiting(minute, 10 * second, hour), now + 20 * second],
    ["the clock was set back by days", waiting(-90 * hour, -90 * hour, 91 * hour), soon],
    ["the clock was set ahead by days", waiting(90 * hour, 90 * hour, -90 * hour), now - 90 * hour],
])("when keys come: %s", (_, series, dueAt) => {
    expect(withKeys(series, now)).toMatchObject({ keysAt: now, dueAt });
});

const ago = (...minutes: readonly number[]): readonly number[] => minutes.map((one) => now - one * minute);

test.each<[string, readonly number[], number]>([
    ["the first", [], now],
    ["the second, at once", ago(0), now],
    ["the third, 20 s later", ago(1, 0), now + 20 * second],
    ["the fourth, two minutes later", ago(2, 1, 0), now + 2 * minute],
    ["the fifth, eight minutes later", ago(3, 2, 1, 0), now + 8 * minute],
    ["the sixth, 25 min later", ago(4, 3, 2, 1, 0), now + 25 * minute],
    ["the seventh, when the first is an hour old", ago(40, 3, 2, 1, 0.5, 0), now + 25 * minute],
    ["one that becomes allowed because an earlier one is an hour old", ago(59, 3, 2, 1), now + minute],
    ["one after files of long ago", ago(300, 200, 100), now],
    ["one after a clock that ran ahead", ago(-3, -2, -1), now],
])("a file for a refresh: %s", (_, madeAt, at) => {
    expect(nextFileAt(madeAt, now)).toBe(at);
});

test("however much is said, six files an hour, and no half hour without one", () => {
    const made: number[] = [now];
    let at = now;
    while (at < now + 10 * hour) {
        const next = nextFileAt(made, at);
        if (next <= at) made.push(at);
        at = next <= at ? at + second : next;
    }
    for (const [index, end] of made.entries()) {
        expect(made.filter((one) => one > end - hour && one <= end).length).toBeLessThanOrEqual(6);
        expect(end - (made[index - 1] ?? end)).toBeLessThan(30 * minute);
    }
});
