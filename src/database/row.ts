import type { SQLOutputValue } from "node:sqlite";

/**
 * A row as SQLite gives it. It is read through the functions of this file only: a column that is not there, or that
 * holds something else, throws, with its name and those of its row's other columns. What it holds is not in the
 * message.
 *
 * Functions instead of a schema of zod for each row: rows are read by the ten thousand, and zod takes longer for one
 * than SQLite does (docs/contribute/measurements-stores.md).
 */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** What `get` of a statement answers; a statement that always has one row is read without a question. */
type Found = Row | undefined;

export function textOf(row: Found, column: string): string {
    const value = row?.[column];
    return typeof value === "string" ? value : refuse(row, column, "text");
}

export function numberOf(row: Found, column: string): number {
    const value = row?.[column];
    return typeof value === "number" ? value : refuse(row, column, "a number");
}

/** What is stored as 0 or 1. */
export function flagOf(row: Found, column: string): boolean {
    const value = row?.[column];
    return value === 1 || (value !== 0 && refuse(row, column, "0 or 1"));
}

export function blobOf(row: Found, column: string): Uint8Array {
    const value = row?.[column];
    return value instanceof Uint8Array ? value : refuse(row, column, "a blob");
}

/** A text that is one of these. */
export function wordOf<const Word extends string>(row: Found, column: string, words: readonly Word[]): Word {
    const value = row?.[column];
    return words.find((word) => word === value) ?? refuse(row, column, `one of ${words.join(", ")}`);
}

/** A text of JSON that the schema takes. */
export function jsonOf<T>(row: Found, column: string, schema: { parse(value: unknown): T }): T {
    const text = textOf(row, column);
    try {
        return schema.parse(JSON.parse(text));
    } catch (cause) {
        return refuse(row, column, "JSON of its shape", { cause });
    }
}

/** Of what may be missing: undefined if there is no row, or NULL in the column. */
export function textOrNothing(row: Found, column: string): string | undefined {
    return holdsNothing(row, column) ? undefined : textOf(row, column);
}

export function numberOrNothing(row: Found, column: string): number | undefined {
    return holdsNothing(row, column) ? undefined : numberOf(row, column);
}

export function blobOrNothing(row: Found, column: string): Uint8Array | undefined {
    return holdsNothing(row, column) ? undefined : blobOf(row, column);
}

export function wordOrNothing<const Word extends string>(
    row: Found,
    column: string,
    words: readonly Word[],
): Word | undefined {
    return holdsNothing(row, column) ? undefined : wordOf(row, column, words);
}

function holdsNothing(row: Found, column: string): boolean {
    const value = row?.[column];
    return value === null || row === undefined || (value === undefined && refuse(row, column, "anything"));
}

function refuse(row: Found, column: string, expected: string, options?: ErrorOptions): never {
    if (row === undefined) throw new Error(`there is no row to read the column ${column} of`);
    const columns = Object.keys(row).join(", ");
    if (!(column in row)) throw new Error(`a row has no column ${column}, only ${columns}`);
    throw new Error(
        `the column ${column} holds ${kindOf(row[column])} instead of ${expected}; it stands in a row of ${columns}`,
        options,
    );
}

function kindOf(value: unknown): string {
    if (value === null) return "nothing";
    return value instanceof Uint8Array ? "a blob" : `a ${typeof value}`;
}
