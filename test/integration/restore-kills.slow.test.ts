import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, expect } from "vitest";
import { roomWithBot } from "../bot/index.ts";
import { TemporaryFolder, until } from "../process/index.ts";
import { loseFolder } from "./lost-folder.ts";
import { test } from "./story.ts";

const elsewhere = new TemporaryFolder("elsewhere");

afterAll(() => elsewhere[Symbol.dispose]());

const stores = ["backscroll.sqlite", "crypto.sqlite"];
const kills = Number(process.env["BACKSCROLL_TEST_KILLS"] ?? 50);

test("kills of the bot and of the command in the middle of snapshots: no half file, no leftovers, and what is there restores", async ({
    scene,
    alice,
}) => {
    const bot = await scene.bot();
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "kept");
    await until("the key", async () => ((await bot.status("--room", roomId)).rooms[0]?.sessions.shareable ?? 0) > 1);
    const whole: string[] = [];
    for (let n = 0; n < kills; n++) {
        const file = join(elsewhere.path, `snapshot ${n}`);
        const command = bot.launchCommand("snapshot", file);
        await pause(300 + Math.random() * 700);
        if (n % 2 === 0) await command.kill();
        else {
            await bot.kill();
            await command.exited;
            await bot.run();
        }
        if (existsSync(file)) whole.push(file);
    }
    await bot.stop();
    await bot.run();
    expect(readdirSync(bot.dataFolder).filter((name) => name.endsWith(".part"))).toEqual([]);
    const last = join(elsewhere.path, "the last");
    expect((await bot.command("snapshot", last)).code).toBe(0);
    await bot.kill();
    loseFolder(bot.dataFolder);
    expect((await bot.command("restore", whole.at(-1) ?? last)).code).toBe(0);
    await bot.run();
    await scene.newcomerReads(alice, bot, roomId, ["kept"]);
});

test("kills at every instant of a restore: the next one goes on, and the bot never starts before", async ({
    scene,
    alice,
}) => {
    const bot = await scene.bot();
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "kept through the kills");
    await until("the key", async () => ((await bot.status("--room", roomId)).rooms[0]?.sessions.shareable ?? 0) > 1);
    const snapshot = join(elsewhere.path, "to be killed");
    expect((await bot.command("snapshot", snapshot)).code).toBe(0);
    await bot.kill();
    loseFolder(bot.dataFolder);
    const startsBetween = new Set<number | null>();
    let killed = 0;
    for (let round = 0; killed < kills; round++) {
        // Each round begins anew where the last one came to its end.
        for (let patience = 250 + (round % 5) * 17; ; patience += 90) {
            const restore = bot.launchCommand("restore", snapshot);
            if (await Promise.race([restore.exited.then(({ code }) => code === 0), pause(patience, false)])) break;
            await restore.kill();
            killed++;
            if (existsSync(join(bot.dataFolder, "restore.part"))) startsBetween.add((await bot.launch().exited).code);
            // The kill came between the end of the work and the end of the process.
            else if (stores.every((name) => existsSync(join(bot.dataFolder, name)))) break;
        }
        if (killed >= kills) break;
        for (const name of stores) rmSync(join(bot.dataFolder, name));
    }
    expect([...startsBetween]).toEqual([65]);
    await bot.run();
    const { account } = await bot.status();
    const devices = (await alice.do("devices", bot.userId)).map(({ deviceId }) => deviceId);
    expect(devices).toContain(account.device_id);
    await scene.newcomerReads(alice, bot, roomId, ["kept through the kills"]);
});
