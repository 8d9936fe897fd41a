import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { z } from "zod";
import {
    blobOf,
    blobOrNothing,
    flagOf,
    jsonOf,
    numberOf,
    numberOrNothing,
    type Row,
    textOf,
    textOrNothing,
    wordOf,
    wordOrNothing,
} from "./row.ts";

const row = new DatabaseSync(":memory:")
    .prepare(`SELECT 'secret' AS name, 7 AS at, 1 AS open, 0 AS shut, x'01' AS body, '["a"]' AS list, NULL AS gone`)
    .get();

test("a row is read by its columns", () => {
    expect([textOf(row, "name"), numberOf(row, "at"), flagOf(row, "open"), flagOf(row, "shut")]).toEqual([
        "secret",
        7,
        true,
        false,
    ]);
    expect(blobOf(row, "body")).toEqual(new Uint8Array([1]));
    expect(wordOf(row, "name", ["public", "secret"])).toBe("secret");
    expect(jsonOf(row, "list", z.array(z.string()))).toEqual(["a"]);
});

test("what may be missing is undefined if it is, and read as usual if not", () => {
    expect([textOrNothing(row, "name"), numberOrNothing(row, "at"), wordOrNothing(row, "name", ["secret"])]).toEqual([
        "secret",
        7,
        "secret",
    ]);
    expect(blobOrNothing(row, "body")).toEqual(new Uint8Array([1]));
    for (const found of [row, undefined])
        for (const read of [
            textOrNothing,
            numberOrNothing,
            blobOrNothing,
            (of: Row | undefined, column: string) => wordOrNothing(of, column, []),
        ])
            expect(read(found, "gone")).toBeUndefined();
});

test.each<[string, (found: Row | undefined) => unknown, string]>([
    ["a number for text", (found) => textOf(found, "at"), "the column at holds a number instead of text"],
    ["text for a number", (found) => numberOf(found, "name"), "the column name holds a string instead of a number"],
    ["nothing for a number", (found) => numberOf(found, "gone"), "the column gone holds nothing instead of a number"],
    ["another number for a flag", (found) => flagOf(found, "at"), "the column at holds a number instead of 0 or 1"],
    ["nothing for a flag", (found) => flagOf(found, "gone"), "the column gone holds nothing instead of 0 or 1"],
    ["text for a blob", (found) => blobOf(found, "name"), "the column name holds a string instead of a blob"],
    ["a blob for text", (found) => textOrNothing(found, "body"), "the column body holds a blob instead of text"],
    [
        "JSON of another shape",
        (found) => jsonOf(found, "list", z.object({})),
        "the column list holds a string instead of JSON of its shape",
    ],
    [
        "text that is no JSON",
        (found) => jsonOf(found, "name", z.string()),
        "the column name holds a string instead of JSON of its shape",
    ],
    [
        "a word that nobody knows",
        (found) => wordOf(found, "name", ["a", "b"]),
        "the column name holds a string instead of one of a, b",
    ],
])("%s throws, and names the column and its row", (_, read, message) => {
    expect(() => read(row)).toThrow(`${message}; it stands in a row of name, at, open, shut, body, list, gone`);
});

test("a column that is misspelt throws, whether or not it may hold nothing", () => {
    for (const read of [textOf, numberOf, flagOf, blobOf, textOrNothing, numberOrNothing, blobOrNothing])
        expect(() => read(row, "nmae")).toThrow(
            "a row has no column nmae, only name, at, open, shut, body, list, gone",
        );
});

test("a row that has to be there and is not throws", () => {
    for (const read of [textOf, numberOf, flagOf, blobOf])
        expect(() => read(undefined, "name")).toThrow("no row to read the column name");
});

test("what a column holds is not in the error: it may be a secret", () => {
    for (const read of [
        numberOf,
        flagOf,
        blobOf,
        (of: Row | undefined, column: string) => wordOf(of, column, ["other"]),
    ])
        expect(() => read(row, "name")).toThrow(
            expect.not.objectContaining({ message: expect.stringContaining("secret") }),
        );
});
