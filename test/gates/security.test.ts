import { expect, test } from "vitest";
import { read } from "./documents.ts";

/** The rows of "Whom it does not believe": who could, and the tests that show what is in the way. */
const rows = read("SECURITY.md")
    .split("\n")
    .filter((line) => line.startsWith("| **"))
    .map((line) => {
        const cells = line.split(" | ");
        return { who: cells[0] ?? "", shownBy: [...(cells.at(-1) ?? "").matchAll(/`([^`]+\.test\.ts)`: "([^"]+)"/g)] };
    });

test("the table is there", () => {
    expect(rows.length).toBeGreaterThan(20);
});

test.each(rows)("what SECURITY.md says of $who is shown by tests that are there", ({ shownBy }) => {
    expect(shownBy).not.toEqual([]);
    for (const [, file = "", name = ""] of shownBy) expect(read(file).includes(name), `${file}: "${name}"`).toBe(true);
});
