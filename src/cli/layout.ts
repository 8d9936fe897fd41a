/** Rows of name and value; rows without a value are left out. */
export function facts(rows: readonly (readonly [string, string])[]): string {
    const filled = rows.filter(([, value]) => value !== "");
    return filled.map(([name, value]) => `${name.padEnd(14)}${oneLine(value)}`).join("\n");
}

/** Columns as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
    const lines = [header, ...rows.map((row) => row.map(oneLine))];
    const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
    return lines
        .map((line) => `  ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd())
        .join("\n");
}

/** A device's name with a line break in it must not look like a line of ours. */
const oneLine = (text: string) => text.replaceAll(/[\n\r\u2028\u2029]/g, "\u{fffd}");

/** How long before `now` (milliseconds since the epoch) a time in ISO 8601 was; undefined: it has not happened. */
export function ago(time: string | null, now: number): string | undefined {
    if (time === null) return undefined;
    const passed = now - Date.parse(time);
    return passed < 1_000 ? "just now" : `${span(passed)} ago`;
}

/** Milliseconds in the largest unit that fits, rounded down. */
export function span(milliseconds: number): string {
    const seconds = Math.floor(milliseconds / 1_000);
    if (seconds < 120) return `${seconds} s`;
    if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
    return `${Math.floor(seconds / 86_400)} days`;
}
