import * as fc from "fast-check";
import { expect, test } from "vitest";
import { each, inPieces, sorted } from "./in-pieces.ts";
import { atOnce } from "./testing/at-once.ts";

test("what is sorted in pieces is what is sorted at once, equal items in their order", () => {
    const items = fc.array(fc.tuple(fc.nat(20), fc.nat()), { size: "+3", maxLength: 9_000 });
    fc.assert(
        fc.property(items, (list) => {
            const order = ([one]: readonly [number, number], [other]: readonly [number, number]): number => one - other;
            expect(atOnce(sorted(list, order))).toEqual(list.toSorted(order));
        }),
        { numRuns: 20 },
    );
});

test("others have their turn between two pieces", async () => {
    const numbers = Array.from({ length: 300_000 }, (_, index) => (index * 7_919) % 300_007);
    let turns = 0;
    let over = false;
    const others = (): void => {
        turns += 1;
        if (!over) setImmediate(others);
    };
    setImmediate(others);
    let sum = 0;
    const inOrder = await inPieces(sorted(numbers, (one, other) => one - other));
    await inPieces(each(inOrder, (item) => void (sum += item)));
    over = true;
    expect(inOrder).toEqual(numbers.toSorted((one, other) => one - other));
    expect(sum).toBe(numbers.reduce((total, number) => total + number, 0));
    expect(turns).toBeGreaterThan(3);
});
