import { loadDataDir, parseDuration } from "../config/index.ts";
import type { StatusFilters } from "../control/index.ts";
import { exitCodes } from "../failures/index.ts";
import { oneOf, option, refused, roomId, userId, wholeNumber } from "./arguments.ts";
import { type Invocation, note, print } from "./context.ts";
import { jobText } from "./job-text.ts";
import { statusText } from "./status-text.ts";

const usualLimit = 100;
const command = "status";

export async function status(invocation: Invocation): Promise<number> {
    const { jobStates } = await import("../sharing/index.ts");
    const jobId = option(invocation, "job");
    if (jobId !== undefined) return await oneJob(invocation, jobId);
    const filters = filtersOf(invocation, jobStates, Date.now());
    const dataDir = loadDataDir(invocation);
    const { readStatus } = await import("../bot/index.ts");
    const report = await readStatus(dataDir, filters);
    print(invocation.options["json"] === true ? JSON.stringify(report, undefined, 2) : statusText(report, Date.now()));
    return exitCodes.done;
}

async function oneJob(invocation: Invocation, jobId: string): Promise<number> {
    const { readJob } = await import("../bot/index.ts");
    const job = await readJob(loadDataDir(invocation), jobId);
    if (job === undefined) {
        note(`There is no job ${jobId}: \`backscroll status\` lists them.`);
        return exitCodes.no;
    }
    print(invocation.options["json"] === true ? JSON.stringify(job, undefined, 2) : jobText(job, Date.now()));
    return exitCodes.done;
}

function filtersOf(invocation: Invocation, jobStates: readonly string[], now: number): StatusFilters {
    const given = <Value>(name: string, read: (text: string, asked: { name: string; command: string }) => Value) => {
        const text = option(invocation, name);
        return text === undefined ? undefined : read(text, { name: `--${name}`, command });
    };
    return {
        roomId: given("room", roomId),
        userId: given("user", userId),
        state: given("state", (text, asked) => oneOf(text, jobStates, asked)),
        since: given("since", (text, asked) => instant(text, now, asked)),
        limit: given("limit", (text, asked) => wholeNumber(text, [1, 1_000_000], asked)) ?? usualLimit,
    };
}

/** Milliseconds since the epoch of a time (ISO 8601) or of so long ago. */
function instant(text: string, now: number, asked: { readonly name: string; readonly command: string }): number {
    const ago = parseDuration(text);
    if (ago !== undefined) return now - ago;
    const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(time)) throw refused(text, "a time like 2026-01-31T12:00:00Z, or how long ago, like 12h", asked);
    return time;
}
