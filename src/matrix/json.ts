import { z } from "zod";

/** The longest identifier, in bytes of UTF-8. Source: Matrix v1.19, "Size limits". */
const identifierBytes = 255;

export function isIdentifier(value: unknown): value is string {
    return typeof value === "string" && value !== "" && value.length <= identifierBytes && Buffer.byteLength(value) <= identifierBytes;
}

export function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const identifier = z.custom<string>(isIdentifier);

/** An object as it came, not copied: a key such as `__proto__` stays a key of its own. */
export const jsonObject = z.custom<Record<string, unknown>>(isObject);

/** The entries of an object; none if it is something else. */
export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
    return isObject(value) ? Object.entries(value) : [];
}
