import { exitCodes } from "../failures/index.ts";
import { argument, roomId, userId } from "./arguments.ts";
import { type Invocation, note, print } from "./context.ts";
import { withBot } from "./with-bot.ts";

export async function share(invocation: Invocation): Promise<number> {
    const room = roomId(argument(invocation, 0), { name: "ROOM", command: "share" });
    const user = userId(argument(invocation, 1), { name: "USER", command: "share" });
    const { ok, message, jobId } = await withBot(invocation, (bot) => bot.share(room, user));
    if (jobId !== undefined) print(jobId);
    note(message);
    return ok ? exitCodes.done : exitCodes.no;
}
