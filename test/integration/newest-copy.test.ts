import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, MegolmSender } from "../clients/index.ts";
import { until } from "../process/index.ts";
import type { Scene } from "./scene.ts";
import { test as story } from "./story.ts";

const test = story.extend("bot", { scope: "file" }, async ({ scene }) => {
    const bot = await scene.restingBot();
    await bot.runWithOwnClock();
    return bot;
});

/** Charlie was served and invited again by the bot, and knows of what was said so far. */
async function invitedAgain(
    scene: Scene,
    alice: Client,
    bot: Bot,
): Promise<{ readonly charlie: Client; readonly roomId: string }> {
    const charlie = await scene.person("charlie");
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before the invite");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await until("the first copy", async () => (await charlie.do("bundlesReceived")).length === 1, { everyMs: 50 });
    return { charlie, roomId };
}

/** In a session of its own, whose key the invitee is not given: many clients give theirs to members alone. */
async function say(alice: Client, bot: Bot, roomId: string, text: string): Promise<void> {
    const sender = new MegolmSender(alice, roomId);
    await sender.shareKey(await alice.do("devices", bot.userId), { shared_history: true });
    await sender.send(text);
}

test("what was said five seconds before the join is read", async ({ scene, alice, bot }) => {
    const { charlie, roomId } = await invitedAgain(scene, alice, bot);
    await say(alice, bot, roomId, "said just now");
    // What is measured is this time: the bot may take less.
    await pause(5_000);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before the invite", "said just now"]);
});

test("what was said just before the join is read as soon as the newest copy came before it", async ({
    scene,
    alice,
    bot,
}) => {
    const { charlie, roomId } = await invitedAgain(scene, alice, bot);
    await say(alice, bot, roomId, "said just now");
    await until("the newer copy", async () => (await charlie.do("bundlesReceived")).length === 2, {
        everyMs: 20,
        limitMs: 5_000,
    });
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before the invite", "said just now"]);
});

test("a device that is given its first copy at the join has what was said a moment before", async ({
    scene,
    alice,
    bot,
}) => {
    const user = await scene.user("charlie");
    const phone = await scene.device(user, { deviceId: "PHONE" });
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before the invite");
    await alice.do("inviteWithoutSharing", roomId, user.userId);
    await reinvited(phone, roomId, bot);
    const laptop = await scene.device(user, { deviceId: "LAPTOP", identity: await phone.do("exportIdentity") });
    await say(alice, bot, roomId, "said just now");
    await laptop.do("join", roomId);
    await laptop.reads(roomId, ["said before the invite", "said just now"]);
});

test("a file that is purged while the invite stands is replaced before the newcomer joins", async ({
    scene,
    alice,
    bot,
}) => {
    const { charlie, roomId } = await invitedAgain(scene, alice, bot);
    const [first] = await charlie.do("bundlesReceived");
    await scene.synapse.purgeMedia(first?.file.url ?? "");
    bot.moveClock(3_600_000);
    const hasNewFile = async (): Promise<boolean> => {
        // A message wakes the bot; else it would look at its clock when the sync has nothing to say.
        await alice.do("send", roomId, "an hour later");
        return (await charlie.do("bundlesReceived")).length === 2;
    };
    await until("a copy in a new file", hasNewFile, { everyMs: 500 });
    const [, second] = await charlie.do("bundlesReceived");
    expect(second?.file.url).not.toBe(first?.file.url);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before the invite"]);
});
