import type { Problem } from "./problems.ts";

/** What one place says of the settings: a tree of plain values, and where each of them stands. */
export interface Source {
    readonly values: Tree;
    /**
     * Where the value at `path` stands, or the nearest place to it. @param part of which a mistake is told: the name or
     * the value.
     */
    place(path: readonly PropertyKey[], part: "name" | "value"): string;
    /** Mistakes in reading it. */
    readonly problems: readonly Problem[];
    /** True if it could not be read whole: what is absent here may stand in it all the same. */
    readonly incomplete: boolean;
}

export type Tree = Readonly<Record<string, unknown>>;

export function isTree(value: unknown): value is Tree {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at `path`; undefined if there is none. */
export function valueAt(tree: Tree, path: readonly PropertyKey[]): unknown {
    return path.reduce<unknown>((value, part) => {
        if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
        return Reflect.get(value, part);
    }, tree);
}

/** `tree` with `value` at `path`; groups on the way are made. */
export function withValue(tree: Tree, path: readonly string[], value: unknown): Tree {
    const [first, ...rest] = path;
    if (first === undefined) return tree;
    const below = valueAt(tree, [first]);
    return { ...tree, [first]: rest.length === 0 ? value : withValue(isTree(below) ? below : {}, rest, value) };
}

/**
 * Both trees in one; where both have a value, that of `over` counts. `null` is a value where `isNullValue` says so, and
 * elsewhere as good as absent.
 */
export function overlay(under: Tree, over: Tree, isNullValue: (key: string) => boolean): Tree {
    const merged = new Map(Object.entries(under));
    for (const [key, value] of Object.entries(over)) {
        const lower = merged.get(key);
        if (isTree(value)) merged.set(key, overlay(isTree(lower) ? lower : {}, value, isNullValue));
        else if (value !== undefined && (value !== null || isNullValue(key))) merged.set(key, value);
    }
    return Object.fromEntries(merged);
}
