import { z } from "zod";

/** The longest identifier, in bytes of UTF-8. Source: Matrix v1.19, "Size limits". */
const identifierBytes = 255;

export function isIdentifier(value: unknown): value is string {
    if (typeof value !== "string" || value === "" || value.length > identifierBytes) return false;
    // No UTF-16 unit takes more than three bytes.
    return value.length * 3 <= identifierBytes || Buffer.byteLength(value) <= identifierBytes;
}

export function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const identifier = z.custom<string>(isIdentifier);

/** An object as it came, not copied: a key such as `__proto__` stays a key of its own. */
export const jsonObject = z.custom<Record<string, unknown>>(isObject);

/** Levels of nesting that we carry; what the specification knows has four. */
export const deepest = 64;

/** The same object without the keys whose values are nested too deep. */
export function withoutDepths(object: Record<string, unknown>): Record<string, unknown> {
    if (isShallow(object, deepest)) return object;
    return Object.fromEntries(Object.entries(object).filter(([, value]) => isShallow(value, deepest - 1)));
}

/** The entries of an object; none if it is something else. */
export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
    return isObject(value) ? Object.entries(value) : [];
}

/**
 * Whether nothing in a JSON value lies deeper than `levels`. Parsing does not mind depth; copying to a worker and
 * writing as JSON are recursive, and 5 000 brackets in a message of a stranger would be the end of the stack.
 */
export function isShallow(value: unknown, levels: number): boolean {
    if (levels < 0) return false;
    return (
        typeof value !== "object" || value === null || Object.values(value).every((item) => isShallow(item, levels - 1))
    );
}
