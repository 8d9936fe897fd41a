import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited, roomWithBot, type WorkerFault } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let alice: Client;
let bot: Bot;

beforeAll(async () => {
    scene = await Scene.open();
    [alice, bot] = await Promise.all([scene.person("alice"), scene.restingBot()]);
    await bot.runFragile();
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

test.each<[WorkerFault, string]>([
    ["panic", "RuntimeError: unreachable"],
    ["reject", "nobody waits for this"],
    ["exit", "its thread ended with code 3"],
])("the crypto worker's %s ends the process with 70 and a sentence, and the next start goes on", async (fault, detail) => {
    if (!bot.process.running) await bot.runFragile();
    bot.harmWorker(fault);
    expect(await bot.process.exited).toEqual({ code: 70, signal: null });
    expect(bot.process.output).toContain("The crypto worker ended unexpectedly");
    expect(bot.process.output).toContain(detail);
    expect(bot.process.output).toContain("start the bot again");
});

test("a stop while the worker is stuck in native code ends the process in time all the same, and nothing acknowledged is lost", async () => {
    await bot.runFragile();
    const charlie = await scene.person("charlie");
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before");
    await until("the bot to have heard it", async () => (await bot.status("--room", roomId)).rooms[0]?.sessions.shareable === 2);

    bot.harmWorker("stuck");
    await until("the worker to be stuck", async () => (await bot.command("health")).output.includes("crypto worker has not answered"));
    // By itself: the grace that this gives is longer than its own.
    expect(await bot.process.stop()).toEqual({ code: null, signal: "SIGKILL" });
    expect(bot.process.output).toContain("stopping took too long");

    await bot.run();
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before"]);
});
