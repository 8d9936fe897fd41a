import { loadDataDir } from "../config/index.ts";
import type { StatusFilters } from "../control/index.ts";
import { exitCodes } from "../failures/index.ts";
import { oneOf, option, roomId, userId, wholeNumber } from "./arguments.ts";
import { type Invocation, note, print } from "./context.ts";
import { filter, instant } from "./filters.ts";
import { jobText } from "./job-text.ts";
import { statusText } from "./status-text.ts";

const usualLimit = 100;
const command = "status";

export async function status(invocation: Invocation): Promise<number> {
    const { jobStates } = await import("../sharing/index.ts");
    const jobId = option(invocation, "job");
    if (jobId !== undefined) return await oneJob(invocation, jobId);
    const filters = filtersOf(invocation, jobStates);
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

function filtersOf(invocation: Invocation, jobStates: readonly string[]): StatusFilters {
    return {
        roomId: filter(invocation, command, "room", roomId),
        userId: filter(invocation, command, "user", userId),
        state: filter(invocation, command, "state", (text, asked) => oneOf(text, jobStates, asked)),
        since: filter(invocation, command, "since", instant),
        limit:
            filter(invocation, command, "limit", (text, asked) => wholeNumber(text, [1, 1_000_000], asked)) ??
            usualLimit,
    };
}
