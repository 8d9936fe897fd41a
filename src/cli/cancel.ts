import { argument } from "./arguments.ts";
import type { Invocation } from "./context.ts";
import { conclude, withBot } from "./with-bot.ts";

export async function cancel(invocation: Invocation): Promise<number> {
    const jobId = argument(invocation, 0);
    return conclude(await withBot(invocation, (bot) => bot.call("cancel", { jobId })));
}
