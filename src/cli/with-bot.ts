import { loadDataDir, loadSettings, socketPath } from "../config/index.ts";
import { type Bot, type CommandOutcome, connectToBot } from "../control/index.ts";
import { exitCodes } from "../failures/index.ts";
import { type Invocation, note, print } from "./context.ts";

/** Does `work` with the running bot, or, if none runs, under the data folder's lock in this process. */
export async function withBot<Result>(invocation: Invocation, work: (bot: Bot) => Promise<Result>): Promise<Result> {
    await using running = await connectToBot(socketPath(loadDataDir(invocation)));
    if (running !== undefined) return await work(running);
    const { settings } = loadSettings(invocation);
    const { withOfflineBot } = await import("../bot/index.ts");
    return await withOfflineBot(settings, work);
}

/** Prints what came of a command: the answer to standard output, a no to standard error. Answers the exit code. */
export function conclude({ ok, message }: CommandOutcome): number {
    if (ok) print(message);
    else note(message);
    return ok ? exitCodes.done : exitCodes.no;
}
