import { expect } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Synapse } from "../synapse/index.ts";
import { test as story } from "./story.ts";

const test = story.extend(
    "bot",
    { scope: "file" },
    async ({ scene }) => await scene.bot({ SHARING_REINVITE_PACE: "unlimited", CHAT_GREETING: "false" }),
);

async function roomWith(alice: Client, bot: Bot, texts: readonly string[], visibility?: string): Promise<string> {
    const roomId = await roomWithBot(alice, bot, {
        greeted: false,
        ...(visibility === undefined ? {} : { visibility }),
    });
    for (const text of texts) await alice.do("send", roomId, text);
    return roomId;
}

async function reasonIs(bot: Bot, roomId: string, userId: string, reason: string): Promise<void> {
    let seen: string | null | undefined;
    try {
        await until(`the reason ${reason}`, async () => {
            seen = (await bot.status("--room", roomId, "--user", userId)).jobs[0]?.reason;
            return seen === reason;
        });
    } catch (cause) {
        throw new Error(`the reason is ${String(seen)}; the bot's log:\n${bot.process.output}`, { cause });
    }
}

test.concurrent("a new colleague, whose account was made by an admin, logs in for the first time, accepts two seconds after, and reads", async ({
    scene,
    bot,
    alice,
}) => {
    const charlie = await scene.user("charlie");
    const roomId = await roomWith(alice, bot, ["said before", "and this"]);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reasonIs(bot, roomId, charlie.userId, "waits_for_device");

    const phone = await scene.device(charlie);
    await reinvited(phone, roomId, bot);
    await phone.do("join", roomId);
    await phone.reads(roomId, ["said before", "and this"]);
    await bot.job(roomId, charlie.userId, "joined");
});

test.concurrent("a name that nobody has yet is not invited by the bot, and is served when somebody has it", async ({
    scene,
    bot,
    alice,
}) => {
    const roomId = await roomWith(alice, bot, ["said before"]);
    const userId = `@soon${Date.now()}:${Synapse.serverName}`;
    await alice.do("inviteWithoutSharing", roomId, userId);
    await reasonIs(bot, roomId, userId, "no_such_account");
    expect(await alice.do("membership", roomId, userId)).toMatchObject({ sender: alice.userId });
    const { output } = await bot.command("status", "--user", userId);
    expect(output).toContain("Nobody has this user ID yet");

    const phone = await scene.device(await scene.synapse.register(userId.slice(1, userId.indexOf(":"))));
    await reinvited(phone, roomId, bot);
    await phone.do("join", roomId);
    await phone.reads(roomId, ["said before"]);
});

test.concurrent("a history that is opened while somebody is invited is given to them from then on", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWith(alice, bot, ["not for newcomers"], "joined");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reasonIs(bot, roomId, charlie.userId, "visibility_not_shared");
    await alice.do("sendState", roomId, "m.room.history_visibility", "", { history_visibility: "shared" });
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "for newcomers");
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["for newcomers"]);
});

test.concurrent("a room that is encrypted while somebody is invited is shared with them from then on", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWithBot(alice, bot, { greeted: false, encrypted: false });
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reasonIs(bot, roomId, charlie.userId, "room_not_encrypted");
    await alice.do("sendState", roomId, "m.room.encryption", "", { algorithm: "m.megolm.v1.aes-sha2" });
    await alice.do("send", roomId, "said encrypted");
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said encrypted"]);
});

test.concurrent("who joins on the human's invite is told apart: what was sent will not be opened", async ({
    scene,
    alice,
    charlie,
}) => {
    const [settings, own] = [{ SHARING_REINVITE: "never", CHAT_GREETING: "false" }, await scene.user("quiet")];
    const quiet = await scene.botOf(own, settings);
    const roomId = await roomWithBot(alice, quiet, { greeted: false });
    await alice.do("send", roomId, "said before");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await quiet.job(roomId, charlie.userId, "delivered");
    await charlie.do("join", roomId);
    const job = await quiet.job(roomId, charlie.userId, "cancelled");
    expect(job).toMatchObject({ reason: "joined_on_another_invite", message: expect.stringContaining(alice.userId) });
    const { output } = await quiet.command("status", "--job", job.id);
    expect(output).toContain("`backscroll invite");
});
