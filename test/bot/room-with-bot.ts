import { type Client, saidBy } from "../clients/index.ts";
import { until } from "../process/index.ts";
import type { Bot } from "./bot.ts";

interface RoomWithBot {
    readonly encrypted?: boolean;
    readonly visibility?: string;
    readonly powerLevels?: object;
    /** Whether to wait for the bot's greeting; default: in encrypted rooms. */
    readonly greeted?: boolean;
}

/** A room of `admin` in which the bot is a member and has said what it has to say, as the admin's client sees it. */
export async function roomWithBot(admin: Client, bot: Bot, { greeted, ...options }: RoomWithBot = {}): Promise<string> {
    const roomId = await admin.do("createRoom", { name: "a room", ...options });
    await admin.do("inviteWithoutSharing", roomId, bot.userId);
    await until(
        "the bot to join",
        async () => (await admin.do("membership", roomId, bot.userId))?.membership === "join",
    );
    if (greeted ?? options.encrypted !== false)
        await until("the greeting", async () => saidBy(bot, await admin.do("timeline", roomId)).length > 0);
    return roomId;
}

/** Waits until the invitee's own client knows the bot as the inviter of record. */
export async function reinvited(invitee: Client, roomId: string, bot: Bot): Promise<void> {
    try {
        await until(
            "the bot's own invite",
            async () => (await invitee.do("membership", roomId, invitee.userId))?.sender === bot.userId,
        );
    } catch (cause) {
        const { output } = await bot.command("status", "--room", roomId);
        throw new Error(`the bot did not invite again; its status:\n${output}\nits log:\n${bot.process.output}`, {
            cause,
        });
    }
}
