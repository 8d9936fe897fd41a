import { existsSync, readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

// Loaded before the bot, in each of its threads: its clock differs from the true one by as many milliseconds as the
// file says that CLOCK_FILE names.
const file = process.env["CLOCK_FILE"] ?? "";
const TrueDate = Date;
let shift = 0;

class MovedDate extends TrueDate {
    static override now(): number {
        return TrueDate.now() + shift;
    }

    constructor(...given: readonly unknown[]) {
        super(...((given.length === 0 ? [MovedDate.now()] : given) as [number]));
    }
}
globalThis.Date = MovedDate as DateConstructor;

setInterval(() => {
    const wanted = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
    if (wanted === shift) return;
    shift = wanted;
    if (isMainThread) console.error(`the clock is off by ${shift} ms now`);
}, 20).unref();
