import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { reinvited, roomWithBot, type WorkerFault } from "../bot/index.ts";
import { SmallDisk, until } from "../process/index.ts";
import { test as story } from "./story.ts";

const test = story.extend("bot", { scope: "file" }, async ({ scene }) => {
    const bot = await scene.restingBot();
    await bot.runFragile();
    return bot;
});

test.for<[WorkerFault, string]>([
    ["panic", "RuntimeError: unreachable"],
    ["reject", "nobody waits for this"],
    ["exit", "its thread ended with code 3"],
])(
    "the crypto worker's %s ends the process with 70 and a sentence, and the next start goes on",
    async ([fault, detail], { bot }) => {
        if (!bot.process.running) await bot.runFragile();
        bot.harmWorker(fault);
        expect(await bot.process.exited).toEqual({ code: 70, signal: null });
        expect(bot.process.output).toContain("The crypto worker ended unexpectedly");
        expect(bot.process.output).toContain(detail);
        expect(bot.process.output).toContain("start the bot again");
    },
);

test("a stop while the worker is stuck in native code ends the process in time all the same, and nothing acknowledged is lost", async ({
    alice,
    bot,
    charlie,
}) => {
    await bot.runFragile();
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before");
    await until(
        "the bot to have heard it",
        async () => (await bot.status("--room", roomId)).rooms[0]?.sessions.shareable === 2,
    );

    bot.harmWorker("stuck");
    await until("the worker to be stuck", async () =>
        (await bot.command("health")).output.includes("crypto worker has not answered"),
    );
    // By itself: the grace that this gives is longer than its own.
    expect(await bot.process.stop()).toEqual({ code: null, signal: "SIGKILL" });
    expect(bot.process.output).toContain("stopping took too long");

    await bot.run();
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before"]);
});

test("a commit of the crypto store that fails ends the process with 74 and a sentence, and what came with it is received again", async ({
    alice,
    bot,
    charlie,
}) => {
    if (bot.process.running) await bot.stop();
    await bot.runFragile();
    const roomId = await roomWithBot(alice, bot);
    bot.harmWorker("commit");
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "said to a failing disk");
    expect(await bot.process.exited).toEqual({ code: 74, signal: null });
    expect(bot.process.output).toContain("crypto.sqlite cannot be used");

    await bot.run();
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said to a failing disk"]);
});

test("a data folder that vanishes ends the process with 74 and a sentence; put back, it goes on", async ({ bot }) => {
    if (!bot.process.running) await bot.run();
    const elsewhere = `${bot.dataFolder}-elsewhere`;
    renameSync(bot.dataFolder, elsewhere);
    expect(await bot.process.exited).toEqual({ code: 74, signal: null });
    expect(bot.process.output).toContain("was removed or replaced while the bot ran");
    renameSync(elsewhere, bot.dataFolder);
    await bot.run();
});

test("a disk that is read-only at the start ends it with 74 and a sentence; writable again, it goes on", async ({
    scene,
    skip,
}) => {
    using disk = SmallDisk.mount(32 * 1024);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const onDisk = await scene.bot({ DATA_DIR: join(disk.path, "data") });
    await onDisk.stop();
    disk.mode("ro");
    for (const command of [["run"], ["snapshot", "-"]]) {
        const { code, output } = await onDisk.command(...command);
        expect({ code, output }).toEqual({ code: 74, output: expect.stringMatching(/cannot be (used|written)/) });
    }
    // Reading goes on.
    expect(await onDisk.status()).toMatchObject({ running: false, account: { cross_signed: true } });
    disk.mode("rw");
    await onDisk.run();
    await onDisk.stop();
});

test("on a full disk it waits, says so, loses nothing, and goes on by itself when there is room", async ({
    scene,
    alice,
    skip,
}) => {
    using disk = SmallDisk.mount(32 * 1024);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const [small, charlie] = [await scene.bot({ DATA_DIR: join(disk.path, "data") }), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, small);
    // Not to the last byte: the bot writes, too. Each session fills some of what is left.
    disk.leaveFree(256);
    const said = Array.from({ length: 15 }, (_, index) => `said to a full disk ${index}`);
    for (const text of said) {
        await alice.do("rotateSession", roomId);
        await alice.do("send", roomId, text);
    }
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await small.process.line((line) => line.includes("the sync waits") && line.includes("is full"));
    expect((await small.command("health")).code).toBe(1);
    expect(small.process.running).toBe(true);

    disk.makeRoom();
    await reinvited(charlie, roomId, small);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, said);
    await small.stop();
});
