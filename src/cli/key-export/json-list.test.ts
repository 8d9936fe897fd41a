import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonListReader, type ListEntry, NotAList } from "./json-list.ts";

/** The entries of a text that comes in pieces of this many bytes. */
function entries(text: string, pieceBytes = 7): readonly ListEntry[] {
    const bytes = Buffer.from(text);
    const list = new JsonListReader();
    const found: ListEntry[] = [];
    for (let start = 0; start < bytes.length; start += pieceBytes)
        found.push(...list.take(bytes.subarray(start, start + pieceBytes)));
    list.end();
    return found;
}

const objects = fc.array(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 }), {
    maxLength: 5,
});
const spaces = fc.constantFrom(undefined, 1, "\t");

test("a list in pieces of any size is what JSON.parse makes of the whole", () => {
    fc.assert(
        fc.property(objects, spaces, fc.integer({ min: 1, max: 40 }), (list, space, pieceBytes) => {
            const text = JSON.stringify(list, undefined, space);
            expect(entries(text, pieceBytes)).toEqual(JSON.parse(text));
        }),
    );
});

/** What this makes of a text; "refused" where it throws. */
function outcome(read: () => unknown): unknown {
    try {
        return read();
    } catch (error) {
        if (error instanceof NotAList || error instanceof SyntaxError) return "refused";
        throw error;
    }
}

const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

test("a text with a byte too many, too few or another one is taken as JSON.parse takes it, or refused", () => {
    const strange = fc.constantFrom("[", "]", "{", "}", ",", ":", '"', "\\", " ", "\n", "0", "a");
    fc.assert(
        fc.property(objects, fc.nat(), strange, fc.nat({ max: 1 }), (list, where, other, removed) => {
            const text = Buffer.from(JSON.stringify(list));
            const at = where % (text.length + 1);
            const harmed = Buffer.concat([
                text.subarray(0, at),
                Buffer.from(other),
                text.subarray(at + removed),
            ]).toString("utf8");
            const whole = outcome(() => JSON.parse(harmed) as unknown);
            expect(outcome(() => entries(harmed))).toEqual(
                Array.isArray(whole) && whole.every(isObject) ? whole : "refused",
            );
        }),
        { numRuns: 1_000 },
    );
});

test.each([
    ["", "it is empty"],
    ["  {}", "at byte 3 there should be ["],
    ["[{}, 1]", "its entry 2 is no object"],
    ["[{} {}]", "at byte 5 there should be , or ]"],
    ["[{},]", "its entry 2 is no object"],
    ["[{}] x", "at byte 6 there should be nothing more"],
    ['[{}, {"a" 1}]', "its entry 2 is no JSON"],
    ['[{}, {"a": 1', "it ends within the list, after 12 bytes"],
])("of %j it says where it is wrong: %s", (text, message) => {
    expect(() => entries(text)).toThrow(new NotAList(message));
});

test("of an entry without bounds nothing is kept, and those around it are there", () => {
    const list = [
        { a: 1 },
        { a: "[".repeat(1_000_000) },
        { a: 2 },
        { deep: JSON.parse(`${"[".repeat(100)}${"]".repeat(100)}`) as unknown },
    ];
    expect(entries(JSON.stringify(list), 65_536)).toEqual([{ a: 1 }, undefined, { a: 2 }, undefined]);
});
