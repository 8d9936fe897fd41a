import { exitCodes } from "../failures/index.ts";
import { argument, roomId, userId } from "./arguments.ts";
import { type Invocation, note, print } from "./context.ts";
import { withBot } from "./with-bot.ts";

export const share = (invocation: Invocation) => askForJob(invocation, "share");
export const invite = (invocation: Invocation) => askForJob(invocation, "invite");
export const accept = (invocation: Invocation) => askForJob(invocation, "accept");

/**
 * Asks for a delivery to a user of a room; prints the job's ID to the standard output, and what comes of it to the
 * standard error.
 */
async function askForJob(invocation: Invocation, command: "share" | "invite" | "accept"): Promise<number> {
    const room = roomId(argument(invocation, 0), { name: "ROOM", command });
    const user = userId(argument(invocation, 1), { name: "USER", command });
    const { ok, message, jobId } = await withBot(invocation, (bot) =>
        bot.call(command, { roomId: room, userId: user }),
    );
    if (jobId !== undefined) print(jobId);
    note(message);
    return ok ? exitCodes.done : exitCodes.no;
}
