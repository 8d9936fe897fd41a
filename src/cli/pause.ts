import { roomId } from "./arguments.ts";
import type { Invocation } from "./context.ts";
import { conclude, withBot } from "./with-bot.ts";

export async function pause(invocation: Invocation): Promise<number> {
    const room = optionalRoom(invocation, "pause");
    return conclude(await withBot(invocation, (bot) => bot.call("pause", { roomId: room })));
}

export async function resume(invocation: Invocation): Promise<number> {
    const room = optionalRoom(invocation, "resume");
    return conclude(await withBot(invocation, (bot) => bot.call("resume", { roomId: room })));
}

function optionalRoom({ args: [room] }: Invocation, command: string): string | undefined {
    return room === undefined ? undefined : roomId(room, { name: "ROOM", command });
}
