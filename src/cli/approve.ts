import { loadDataDir } from "../config/index.ts";
import { argument } from "./arguments.ts";
import { type Invocation, note } from "./context.ts";
import { conclude, withBot } from "./with-bot.ts";

export async function approve(invocation: Invocation): Promise<number> {
    const jobId = argument(invocation, 0);
    await showHeldJob(loadDataDir(invocation), jobId);
    return conclude(await withBot(invocation, (bot) => bot.approve(jobId)));
}

/** Nobody releases what they have not read. */
async function showHeldJob(dataDir: string, jobId: string): Promise<void> {
    const { readJob } = await import("../bot/index.ts");
    const job = await readJob(dataDir, jobId);
    if (job?.state !== "held") return;
    note(`Held: the history of ${job.room_id} for ${job.user_id}, invited by ${job.inviter}. ${job.message}`);
}
