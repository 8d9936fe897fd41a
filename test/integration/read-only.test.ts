import { join } from "node:path";
import { expect } from "vitest";
import { type Bot, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { FailingDisk, until } from "../process/index.ts";
import type { Scene } from "./scene.ts";
import { test } from "./story.ts";

const folderOn = (disk: FailingDisk): string => join(disk.path, "data");

async function heard(bot: Bot, roomId: string, sessions: number): Promise<void> {
    await until(
        "the keys",
        async () => ((await bot.status("--room", roomId)).rooms[0]?.sessions.shareable ?? 0) >= sessions,
    );
}

async function say(alice: Client, roomId: string, text: string): Promise<void> {
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, text);
}

/** A bot whose data folder is on this disk, in a room of Alice's where it has heard something. */
async function botOn(
    scene: Scene,
    alice: Client,
    disk: FailingDisk,
): Promise<{ readonly bot: Bot; readonly roomId: string }> {
    const bot = await scene.bot({ DATA_DIR: folderOn(disk) });
    const roomId = await roomWithBot(alice, bot);
    await say(alice, roomId, "said before");
    await heard(bot, roomId, 2);
    return { bot, roomId };
}

async function expectRefusal(bot: Bot, command: string): Promise<void> {
    const { code, output } = await bot.command(command);
    expect({ code, output }).toEqual({
        code: 74,
        output: expect.stringMatching(/cannot be used: (EPERM|EROFS).*Make it a folder/),
    });
}

test("files that turn read-only while they are open: a quiet bot waits and goes on by itself; keys that come end it with 74, and come again", async ({
    scene,
    alice,
    skip,
}) => {
    using disk = FailingDisk.mount(32 * 1024);
    if (disk === undefined) return skip("this user may not mount a file system");
    const { bot, roomId } = await botOn(scene, alice, disk);

    disk.lock(folderOn(disk));
    await alice.do("send", roomId, "said with a key that the bot has");
    await bot.process.line((line) => line.includes("the sync waits") && line.includes("has become read-only"));
    expect(await bot.command("health")).toMatchObject({
        code: 1,
        output: expect.stringContaining("cannot be written"),
    });
    expect(await bot.status()).toMatchObject({ running: true });
    disk.unlock(folderOn(disk));
    await bot.process.line((line) => line.includes("the sync goes on"));
    expect(await bot.command("health")).toMatchObject({ code: 0 });
    await scene.newcomerReads(alice, bot, roomId, ["said before"]);

    disk.lock(folderOn(disk));
    await say(alice, roomId, "said meanwhile");
    expect(await bot.process.exited).toEqual({ code: 74, signal: null });
    expect(bot.process.output).toMatch(
        /crypto.sqlite cannot be used.*Make it a folder that the bot's user can write to/,
    );
    await expectRefusal(bot, "run");
    disk.unlock(folderOn(disk));
    await bot.run();
    await scene.newcomerReads(alice, bot, roomId, ["said before", "said meanwhile"]);
    await bot.stop();
});

test("a file system that stops writing for an error in itself: the bot waits, stops in time, and goes on after the repair", async ({
    scene,
    alice,
    skip,
}) => {
    using disk = FailingDisk.mount(32 * 1024);
    if (disk === undefined) return skip("this user may not mount a file system");
    const { bot, roomId } = await botOn(scene, alice, disk);
    disk.fail();
    await alice.do("send", roomId, "said with a key that the bot has");
    await bot.process.line((line) => line.includes("the sync waits") && line.includes("has become read-only"));
    expect(await bot.stop()).toEqual({ code: 0, signal: null });
    for (const command of ["run", "login"]) await expectRefusal(bot, command);
    await say(alice, roomId, "said meanwhile");
    disk.repair();
    await bot.run();
    await scene.newcomerReads(alice, bot, roomId, ["said before", "said meanwhile"]);
    await bot.stop();
});
