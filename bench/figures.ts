/** The middle of the values: half of them are larger. */
export function median(values: readonly number[]): number {
    const sorted = values.toSorted((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    const [low, high] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
    return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

/** Rows of text with aligned columns, the first row a heading. */
export function table(rows: readonly (readonly string[])[]): string {
    const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
    const line = (row: readonly string[]): string =>
        row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
    const [heading = [], ...body] = rows;
    return [line(heading), widths.map((width) => "-".repeat(width)).join("  "), ...body.map(line)].join("\n");
}

export function milliseconds(value: number): string {
    return `${value.toFixed(0)} ms`;
}

/** A measured value beside what it has to stay below. */
export function verdict(value: number, limit: number): string {
    return value <= limit ? "met" : "MISSED";
}
