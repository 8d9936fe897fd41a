import { loadDataDir } from "../config/index.ts";
import { refused, roomId } from "./arguments.ts";
import { type Invocation, note } from "./context.ts";
import { filter } from "./filters.ts";
import { conclude, withBot } from "./with-bot.ts";

const command = "approve";

export async function approve(invocation: Invocation): Promise<number> {
    const jobId = invocation.args[0];
    const room = filter(invocation, command, "room", roomId);
    if ((jobId === undefined) === (room === undefined))
        throw refused(jobId ?? "", "either a job, or --room ROOM for all of a room's", { name: "JOB", command });
    if (room !== undefined)
        return conclude(await withBot(invocation, (bot) => bot.call("approveAll", { roomId: room })));
    const job = jobId ?? "";
    await showHeldJob(loadDataDir(invocation), job);
    return conclude(await withBot(invocation, (bot) => bot.call("approve", { jobId: job })));
}

/** Nobody releases what they have not read. */
async function showHeldJob(dataDir: string, jobId: string): Promise<void> {
    const { readJob } = await import("../bot/index.ts");
    const job = await readJob(dataDir, jobId);
    if (job?.state !== "held") return;
    note(`Held: the history of ${job.room_id} for ${job.user_id}, invited by ${job.inviter}. ${job.message}`);
}
