import { expect, test } from "vitest";
import { done, nameOfThrown, openStore, withStore } from "./testing/fixture.ts";

// Section 2.4: number < date < string < binary < array, each in its own order.
const bytes = (...values: number[]): ArrayBuffer => Uint8Array.from(values).buffer;
const ascending = [
    -Infinity,
    -Number.MAX_VALUE,
    -1.5,
    -1,
    -Number.MIN_VALUE,
    0,
    Number.MIN_VALUE,
    0.1,
    1,
    2,
    10,
    2 ** 53,
    Number.MAX_VALUE,
    Infinity,
    new Date(-8.64e15),
    new Date(-1),
    new Date(0),
    new Date(8.64e15),
    "",
    "\0",
    "\0\0",
    "\0a",
    "\u0001",
    "\u0002",
    "A",
    "a",
    "a\0",
    "a\0b",
    "aa",
    "ab",
    "b",
    "\u007e",
    "\u007f",
    "\u0080",
    "é",
    "\u407e",
    "\u407f",
    "\u4080",
    "\u4100",
    "\ud800",
    "\ud83d\ude00",
    "\ue000",
    "\uffff",
    bytes(),
    bytes(0),
    bytes(0, 0),
    bytes(0, 1),
    bytes(1),
    bytes(1, 0),
    bytes(1, 255),
    bytes(255),
    bytes(255, 255),
    [],
    [-1],
    [1],
    [1, 1],
    [1, "a"],
    ["a"],
    ["a", 1],
    ["a\0"],
    ["b"],
    [bytes()],
    [bytes(0)],
    [[]],
    [[1]],
    [[1], 1],
    [[[]]],
];

test("keys have the order of the specification, whatever their types", () => {
    const { indexedDB } = openStore();
    for (const [i, a] of ascending.entries()) {
        for (const [j, b] of ascending.entries()) expect([i, j, indexedDB.cmp(a, b)]).toEqual([i, j, Math.sign(i - j)]);
    }
});

test("keys are listed in their order and come back as they were", async () => {
    const shuffled = ascending
        .map((key, i) => ({ key, at: (i * 7919) % ascending.length }))
        .toSorted((a, b) => a.at - b.at);
    const { read } = await withStore(
        {},
        shuffled.map(({ key }) => [0, key]),
    );
    expect(await done(read().getAllKeys())).toEqual(ascending);
});

test("-0 is the same key as 0, and views count as their bytes", () => {
    const { indexedDB } = openStore();
    expect(indexedDB.cmp(-0, 0)).toBe(0);
    expect(indexedDB.cmp(Uint8Array.of(1, 2, 3).subarray(1), bytes(2, 3))).toBe(0);
    expect(indexedDB.cmp(new DataView(bytes(5, 6, 7), 1, 1), bytes(6))).toBe(0);
    expect(indexedDB.cmp(Uint16Array.of(0x0201), bytes(1, 2))).toBe(0);
});

const circular: unknown[] = [];
circular.push(circular);
const detached = bytes(1);
structuredClone(detached, { transfer: [detached] });

test.each([
    ["NaN", NaN],
    ["an invalid date", new Date(NaN)],
    ["null", null],
    ["undefined", undefined],
    ["a boolean", true],
    ["an object", {}],
    ["a boxed number", Object(1)],
    ["a bigint", 1n],
    ["a symbol", Symbol("s")],
    ["a function", () => 1],
    ["an array with a hole", Array(1)],
    ["an array with an invalid key in it", [1, [null]]],
    ["an array that contains itself", circular],
    ["a detached buffer", detached],
])("%s is not a key", (_, key) => {
    const { indexedDB, IDBKeyRange } = openStore();
    expect(nameOfThrown(() => indexedDB.cmp(key, 1))).toBe("DataError");
    expect(nameOfThrown(() => IDBKeyRange.only(key))).toBe("DataError");
});

test("a long key and a deep key are kept", async () => {
    const deep = Array.from({ length: 200 }).reduce<unknown>((inner) => [inner], "x");
    const long = "é\0".repeat(20_000);
    const { read } = await withStore({}, [
        ["long", long],
        ["deep", deep],
    ]);
    expect(await done(read().get(long))).toBe("long");
    expect(await done(read().get(deep))).toBe("deep");
    expect(await done(read().getAllKeys())).toEqual([long, deep]);
});

test("a range includes what lies between its bounds, which are open or not", () => {
    const { IDBKeyRange } = openStore();
    const table: [InstanceType<typeof IDBKeyRange>, unknown[]][] = [
        [IDBKeyRange.only(2), [2]],
        [IDBKeyRange.lowerBound(2), [2, 3, "a"]],
        [IDBKeyRange.lowerBound(2, true), [3, "a"]],
        [IDBKeyRange.upperBound(2), [1, 2]],
        [IDBKeyRange.upperBound(2, true), [1]],
        [IDBKeyRange.bound(1, 3), [1, 2, 3]],
        [IDBKeyRange.bound(1, 3, true), [2, 3]],
        [IDBKeyRange.bound(1, 3, false, true), [1, 2]],
        [IDBKeyRange.bound(1, 3, true, true), [2]],
    ];
    for (const [range, included] of table)
        expect([1, 2, 3, "a"].filter((key) => range.includes(key))).toEqual(included);
});

test("a range shows its bounds", () => {
    const { IDBKeyRange } = openStore();
    const { lower, upper, lowerOpen, upperOpen } = IDBKeyRange.bound("a", ["b"], true, false);
    expect({ lower, upper, lowerOpen, upperOpen }).toEqual({
        lower: "a",
        upper: ["b"],
        lowerOpen: true,
        upperOpen: false,
    });
    expect(IDBKeyRange.lowerBound(1)).toMatchObject({ lower: 1, upper: undefined, lowerOpen: false, upperOpen: true });
    expect(IDBKeyRange.upperBound(1, true)).toMatchObject({
        lower: undefined,
        upper: 1,
        lowerOpen: true,
        upperOpen: true,
    });
});

test("bounds in the wrong order, and equal bounds of which one is open, are refused", () => {
    const { IDBKeyRange } = openStore();
    expect(nameOfThrown(() => IDBKeyRange.bound(2, 1))).toBe("DataError");
    expect(nameOfThrown(() => IDBKeyRange.bound(1, 1, true, false))).toBe("DataError");
    expect(nameOfThrown(() => IDBKeyRange.bound(1, 1, false, true))).toBe("DataError");
    expect(IDBKeyRange.bound(1, 1).includes(1)).toBe(true);
});
