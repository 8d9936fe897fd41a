import { setImmediate as immediately } from "node:timers";
import { setImmediate } from "node:timers/promises";

/** Milliseconds of processor time between two turns of the event loop. */
export interface Pieces {
    readonly p99: number;
    readonly longest: number;
    /** All of it. */
    readonly took: number;
}

/**
 * By what the processor worked between two turns of the event loop: by the clock, others on the machine are measured as
 * well.
 */
export async function piecesOf(work: () => unknown): Promise<Pieces> {
    const pieces: number[] = [];
    let [over, last] = [false, processorTime()];
    const turn = (): void => {
        const now = processorTime();
        pieces.push(now - last);
        last = now;
        if (!over) immediately(turn);
    };
    immediately(turn);
    await setImmediate();
    const begun = processorTime();
    await work();
    const took = processorTime() - begun;
    over = true;
    await setImmediate();
    const inOrder = pieces.toSorted((one, other) => one - other);
    // Turns in which nothing was done would hide the others.
    const working = inOrder.filter((piece) => piece >= 0.5);
    return { took, p99: working[Math.floor(working.length * 0.99)] ?? 0, longest: inOrder.at(-1) ?? 0 };
}

function processorTime(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
}
