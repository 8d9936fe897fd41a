import type { InPieces } from "../due/index.ts";

export { type InPieces, inPieces } from "../due/index.ts";

const itemsInPiece = 2_000;

/** The items, one by one. */
export function* each<T>(items: readonly T[], look: (item: T) => void): InPieces<void> {
    for (let index = 0; index < items.length; index += 1) {
        if (index % itemsInPiece === itemsInPiece - 1) yield;
        const item = items[index];
        if (item !== undefined) look(item);
    }
}

/** The items in order, like `toSorted`: runs are sorted, and then merged two by two. */
export function* sorted<T>(items: readonly T[], order: (one: T, other: T) => number): InPieces<readonly T[]> {
    let runs: (readonly T[])[] = [];
    for (let start = 0; start < items.length; start += itemsInPiece) {
        runs.push(items.slice(start, start + itemsInPiece).toSorted(order));
        yield;
    }
    while (runs.length > 1) {
        const merged: (readonly T[])[] = [];
        for (let pair = 0; pair < runs.length; pair += 2)
            merged.push(yield* merge(runs[pair] ?? [], runs[pair + 1] ?? [], order));
        runs = merged;
    }
    return runs[0] ?? [];
}

function* merge<T>(
    one: readonly T[],
    other: readonly T[],
    order: (one: T, other: T) => number,
): InPieces<readonly T[]> {
    const merged: T[] = [];
    for (let [left, right] = [0, 0]; left < one.length || right < other.length;) {
        if (merged.length % itemsInPiece === itemsInPiece - 1) yield;
        const [first, second] = [one[left], other[right]];
        if (first !== undefined && (second === undefined || order(first, second) <= 0)) {
            merged.push(first);
            left += 1;
        } else if (second !== undefined) {
            merged.push(second);
            right += 1;
        }
    }
    return merged;
}
