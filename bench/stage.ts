import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Program } from "../test/process/index.ts";

/** What every part of the bench is given. */
export interface Stage {
    /** How often a part repeats what it measures. */
    readonly rounds: number;
    /** Numbers of sessions, for the parts that depend on it. */
    readonly sizes: readonly number[];
    /** What a part starts is entered here, and ended in reverse. */
    readonly disposal: AsyncDisposableStack;
    readonly progress: (text: string) => void;
}

/** One part of the bench; prints its figures beside their limits. */
export type Part = (stage: Stage) => Promise<void>;

/** The bot as it is shipped. */
export const executable = join(import.meta.dirname, "../dist/main.js");

/** The largest resident set that a process has had, in MB; NaN where the system is not Linux. */
export function peakMemory(pid: number): number {
    try {
        const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return Number(kilobytes) / 1024;
    } catch {
        return Number.NaN;
    }
}

/** The system forgets a process's peak with the process: the last one seen, a moment before its end. */
export async function peakUntilExit(command: Program): Promise<number> {
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, peakMemory(command.pid) || 0)), 20);
    await command.exited;
    clearInterval(watch);
    return peak;
}
