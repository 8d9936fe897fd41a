import { expect, test } from "vitest";
import { BundleReader, type ListedEntry } from "./bundle-reader.ts";

function read(text: string, pieceBytes = 1_000_000): readonly ListedEntry[] {
    const reader = new BundleReader();
    const bytes = Buffer.from(text);
    const entries: ListedEntry[] = [];
    for (let start = 0; start < bytes.length; start += pieceBytes)
        entries.push(...reader.take(bytes.subarray(start, start + pieceBytes)));
    reader.end();
    return entries;
}

const whole = JSON.stringify({
    more: { room_keys: [{ no: 1 }], list: [[1], "x"] },
    room_keys: [{ name: 'a "quoted\\" ] }', nested: { list: [{}] } }, [2], { three: "ä" }],
    "a long name that nobody has heard of": "] } , {",
    withheld: [{ four: 4 }],
    "withheld later": [{ five: 5 }],
});

test.each([1, 2, 3, 7, 1_000])("the entries of both lists, in pieces of %i bytes", (pieceBytes) => {
    expect(read(whole, pieceBytes)).toEqual([
        { list: "room_keys", entry: { name: 'a "quoted\\" ] }', nested: { list: [{}] } } },
        { list: "room_keys", entry: [2] },
        { list: "room_keys", entry: { three: "ä" } },
        { list: "withheld", entry: { four: 4 } },
    ]);
});

test.each([
    ["an empty object", "{}"],
    ["empty lists, spaces between", ' { "room_keys" : [ ] ,\n "withheld" : [ ] } \n'],
    ["lists that are none", '{"room_keys":{"a":{}},"withheld":"[{}]"}'],
    ["entries that are none", '{"room_keys":[1,"[{}]",null]}'],
])("%s holds nothing", (_, text) => {
    expect(read(text)).toEqual([]);
});

test.each([
    ["nothing", ""],
    ["a list", '[{"room_keys":[]}]'],
    ["a word", "null"],
    ["half of one", whole.slice(0, 90)],
    ["one that ends within a string", '{"room_keys'],
    ["two in a row", "{}{}"],
    ["an entry that is no JSON", '{"room_keys":[{nonsense}]}'],
    ["far too deep a nesting", `{"room_keys":[${"[".repeat(100)}`],
    ["too many brackets", "{}]"],
])("%s is refused", (_, text) => {
    expect(() => read(text, 5)).toThrow(/^(it is|one of its entries)/);
});

test("an entry far larger than any is not kept, and the next is", () => {
    const text = JSON.stringify({ room_keys: [{ large: "x".repeat(20_000) }, { small: 1 }] });
    for (const pieceBytes of [100, 1_000_000])
        expect(read(text, pieceBytes)).toEqual([
            { list: "room_keys", entry: undefined },
            { list: "room_keys", entry: { small: 1 } },
        ]);
});

test("far more entries than any bundle has are refused before they are all read", () => {
    expect(() => read(`{"withheld":[${"[],".repeat(260_000)}`, 100_000)).toThrow("it lists too many entries");
});
