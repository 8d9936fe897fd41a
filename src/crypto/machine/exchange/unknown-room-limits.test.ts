import { expect, test } from "vitest";
import { keptFor, outsideLimits, type UnknownArrival } from "./unknown-room-limits.ts";

const hour = 3_600_000;
const now = 100 * hour;

/** As many of this sender's, numbered from `first` on. */
function sent(sender: string, first: number, many: number, cameAt = now): readonly UnknownArrival[] {
    return Array.from({ length: many }, (_, n) => ({ id: first + n, sender, cameAt }));
}

const numbers = (first: number, many: number): readonly number[] => Array.from({ length: many }, (_, n) => first + n);
/** Ten senders with a hundred each. */
const full = numbers(0, 10).flatMap((n) => sent(`@stranger${n}:elsewhere`, 1 + 100 * n, 100));

test.each<[string, readonly UnknownArrival[], readonly number[]]>([
    ["nothing came", [], []],
    ["a hundred of one sender stay", sent("@a:x", 1, 100), []],
    ["of a hundred and three of one sender the three oldest go", sent("@a:x", 1, 103), [1, 2, 3]],
    ["whoever sends too much loses nothing of somebody else", [...sent("@b:x", 1, 1), ...sent("@a:x", 2, 101)], [2]],
    ["a thousand of ten senders stay", full, []],
    ["of more than a thousand the oldest go, whosever they are", [...full, ...sent("@last:x", 1_001, 2)], [1, 2]],
    ["what is too much of one takes no place from others", [...full.slice(100), ...sent("@a:x", 1_001, 101)], [1_001]],
    [
        "what came a day ago goes",
        [...sent("@a:x", 1, 2, now - keptFor), ...sent("@a:x", 3, 1, now - keptFor + 1)],
        [1, 2],
    ],
    ["what seems to come later than now has just come", sent("@a:x", 1, 1, now + 1_000 * hour), []],
    ["what is too old takes no place", [...sent("@a:x", 1, 100), ...sent("@a:x", 101, 2, now - keptFor)], [101, 102]],
])("%s", (_, arrivals, gone) => {
    for (const order of [arrivals, arrivals.toReversed()]) {
        const ids = outsideLimits(order, now).map(({ id }) => id);
        expect(ids.toSorted((one, other) => one - other)).toEqual(gone);
    }
});
