import { expect, test } from "vitest";
import { isThere, type Reference, rowsOf, testsIn } from "./shown-by.ts";

// docs/understand/limits-of-peers.md: what each entry lets others make grow, what bounds it, and which test shows that.

const folder = "src/";

const rows = rowsOf("docs/understand/limits-of-peers.md", "| ")
    .slice(1)
    .filter(([entry]) => !/^-+$/.test(entry ?? ""))
    .map(([entry = "", , , bound = "", shownBy = ""]) => ({
        entry,
        bounds: boundsIn(bound),
        bound,
        tests: testsIn(shownBy, folder),
    }));

/** The constants that a cell names: as the code writes them, some together, and in which file. */
function boundsIn(cell: string): readonly Reference[] {
    return [...cell.matchAll(/((?:`[^`]+`,? )+)in `([^`]+\.ts)`/g)].flatMap(([, names = "", file = ""]) =>
        [...names.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => ({
            file: file.startsWith(folder) ? file : folder + file,
            text,
        })),
    );
}

test("the table is there", () => {
    expect(rows.length).toBeGreaterThan(20);
});

test.each(rows)("the bounds of $entry are those of the code", ({ bound, bounds, tests }) => {
    expect(bounds.length > 0 || /\b[Nn]one\b/.test(bound)).toBe(true);
    expect([...bounds, ...tests].filter((reference) => !isThere(reference))).toEqual([]);
});
