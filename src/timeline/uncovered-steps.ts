import { each, type InPieces, sorted } from "./in-pieces.ts";

/** At this time, in milliseconds since the epoch, so many uncovered events had been sent. */
export type UncoveredStep = readonly [at: number, events: number];

/** Events of one session, with the same fate. */
interface Stretch {
    readonly lastAt: number;
    readonly events: number;
    readonly covered: boolean;
}

/** The list is kept with the room's coverage: it has one step more than this at most. */
const most = 100;

/**
 * How the number of uncovered events grew, oldest step first. It is rounded down, so that it never flatters us: a
 * session's events count from its last one on, and what lies between two steps counts with the later one.
 */
export function* uncoveredSteps(stretches: readonly Stretch[]): InPieces<readonly UncoveredStep[]> {
    const uncovered = yield* sorted(
        stretches.filter(({ covered }) => !covered),
        (one, other) => one.lastAt - other.lastAt,
    );
    let total = 0;
    yield* each(uncovered, ({ events }) => {
        total += events;
    });
    const steps: UncoveredStep[] = [];
    let [sum, told] = [0, 0];
    yield* each(uncovered, ({ lastAt, events }) => {
        sum += events;
        if (sum < total && (sum - told) * most < total) return;
        steps.push([lastAt, sum]);
        told = sum;
    });
    return steps;
}

/** How many uncovered events lie before this time, at least. */
export function uncoveredBefore(steps: readonly UncoveredStep[], time: number): number {
    return steps.findLast(([at]) => at < time)?.[1] ?? 0;
}
