import { parseDuration } from "../config/index.ts";
import { option, refused } from "./arguments.ts";
import type { Invocation } from "./context.ts";

interface Asked {
    readonly name: string;
    readonly command: string;
}

/** Reads an option if it was given. @throws Failure `bad_argument` from `read` */
export function filter<Value>(
    invocation: Invocation,
    command: string,
    name: string,
    read: (text: string, asked: Asked) => Value,
): Value | undefined {
    const text = option(invocation, name);
    return text === undefined ? undefined : read(text, { name: `--${name}`, command });
}

/** Milliseconds since the epoch of a time (ISO 8601) or of so long before now. @throws Failure `bad_argument` */
export function instant(text: string, asked: Asked): number {
    const ago = parseDuration(text);
    if (ago !== undefined) return Date.now() - ago;
    const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(time)) throw refused(text, "a time like 2026-01-31T12:00:00Z, or how long ago, like 12h", asked);
    return time;
}
