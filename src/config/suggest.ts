/**
 * The candidate that `word` most likely meant, or undefined if none is close. Case and the difference between `-`, `.`
 * and `_` do not count.
 */
export function closest(word: string, candidates: readonly string[]): string | undefined {
    const meant = normalise(word);
    let best: { readonly candidate: string; readonly distance: number } | undefined;
    for (const candidate of candidates) {
        const distance = editDistance(meant, normalise(candidate));
        if (best === undefined || distance < best.distance) best = { candidate, distance };
    }
    return best !== undefined && best.distance <= tolerance(meant) ? best.candidate : undefined;
}

const normalise = (word: string) => word.slice(0, 100).toLowerCase().replaceAll(/[-. ]/g, "_");
const tolerance = (word: string) => Math.max(1, Math.floor(word.length / 4));

/**
 * Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, replacements and swaps of neighbours.
 */
export function editDistance(a: string, b: string): number {
    let beforeLast: readonly number[] = [];
    let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
    for (let row = 1; row <= a.length; row++) {
        const current = [row];
        for (let column = 1; column <= b.length; column++) {
            const replaced = at(last, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
            const swapped =
                a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
                    ? at(beforeLast, column - 2) + 1
                    : Infinity;
            current.push(Math.min(replaced, swapped, at(last, column) + 1, at(current, column - 1) + 1));
        }
        [beforeLast, last] = [last, current];
    }
    return at(last, b.length);
}

const at = (row: readonly number[], column: number) => row[column] ?? Infinity;
