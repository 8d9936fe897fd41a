import { expect, test } from "vitest";
import { isThere, rowsOf, testsIn } from "./shown-by.ts";

/** The rows of "Whom it does not believe": who could, and the tests that show what is in the way. */
const rows = rowsOf("SECURITY.md", "| **").map((cells) => ({
    who: cells[0] ?? "",
    shownBy: testsIn(cells.at(-1) ?? ""),
}));

test("the table is there", () => {
    expect(rows.length).toBeGreaterThan(20);
});

test.each(rows)("what SECURITY.md says of $who is shown by tests that are there", ({ shownBy }) => {
    expect(shownBy).not.toEqual([]);
    expect(shownBy.filter((reference) => !isThere(reference))).toEqual([]);
});
