import { read } from "./documents.ts";

/** What a table of a page says of a file: that it has this text. */
export interface Reference {
    readonly file: string;
    readonly text: string;
}

/** The cells of each row of a page's tables that begins so. */
export function rowsOf(page: string, begin: string): readonly (readonly string[])[] {
    return read(page)
        .split("\n")
        .filter((line) => line.startsWith(begin))
        .map((line) => line.replace(/^\| | \|$/g, "").split(" | "));
}

/** The tests that a cell names: a file and the beginning of a test's name. */
export function testsIn(cell: string, folder = ""): readonly Reference[] {
    return [...cell.matchAll(/`([^`]+\.test\.ts)`: "([^"]+)"/g)].map(([, file = "", text = ""]) => ({
        file: folder + file,
        text,
    }));
}

/** Whether the file is there, and the text in it. */
export function isThere({ file, text }: Reference): boolean {
    return read(file).includes(text);
}
