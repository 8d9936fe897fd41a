import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, expect } from "vitest";
import { type Bot, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { SmallDisk, TemporaryFolder, until } from "../process/index.ts";
import { loseFolder } from "./lost-folder.ts";
import { test } from "./story.ts";

const elsewhere = new TemporaryFolder("elsewhere");

afterAll(() => elsewhere[Symbol.dispose]());

const folderOn = (disk: SmallDisk): string => join(disk.path, "data");
const noRoom = (what: string) => ({
    code: 73,
    output: expect.stringContaining(`There is no room for ${what} on the disk that holds`),
});

async function roomWithMessage(alice: Client, bot: Bot): Promise<string> {
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before");
    await until("the key", async () => ((await bot.status("--room", roomId)).rooms[0]?.sessions.shareable ?? 0) > 1);
    return roomId;
}

test("a disk that fills up in the middle of a snapshot: the command says so, nothing is left of it, and the bot goes on", async ({
    scene,
    alice,
    skip,
}) => {
    using disk = SmallDisk.mount(256 * 1024);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const bot = await scene.bot({ DATA_DIR: folderOn(disk) });
    const roomId = await roomWithMessage(alice, bot);
    // So that the copying takes a while.
    await bot.stop();
    const sql = new DatabaseSync(join(folderOn(disk), "backscroll.sqlite"));
    sql.exec("CREATE TABLE ballast (bytes BLOB)");
    const insert = sql.prepare("INSERT INTO ballast VALUES (randomblob(1000000))");
    for (let megabyte = 0; megabyte < 64; megabyte++) insert.run();
    sql.close();
    await bot.run();

    const file = join(elsewhere.path, "snapshot");
    const parts = (): readonly string[] => readdirSync(folderOn(disk)).filter((name) => name.endsWith(".part"));
    // Enough for the look before, and for the copies, if nobody else writes.
    disk.leaveFree(100 * 1024);
    const command = bot.launchCommand("snapshot", file);
    await until("the copying to have begun", () => parts().length > 0, { everyMs: 1 });
    disk.fillUp();
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "said meanwhile");
    expect({ ...(await command.exited), output: command.output }).toMatchObject(noRoom("a snapshot"));
    expect([parts(), readdirSync(elsewhere.path)]).toEqual([[], []]);
    // What there is room for now is less than a snapshot takes.
    expect(await bot.command("snapshot", file)).toMatchObject(noRoom("a snapshot"));

    disk.makeRoom();
    await scene.newcomerReads(alice, bot, roomId, ["said before", "said meanwhile"]);
    expect((await bot.command("snapshot", file)).code).toBe(0);
    await bot.stop();
});

test("a disk without room for the snapshot's file: nothing is left of it", async ({ scene, skip }) => {
    using disk = SmallDisk.mount(256);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const bot = await scene.bot();
    const file = join(disk.path, "snapshot");
    expect(await bot.command("snapshot", file)).toMatchObject({
        code: 73,
        output: expect.stringContaining(`that holds ${file} is full`),
    });
    expect(readdirSync(disk.path)).toEqual([]);
    expect(await bot.command("health")).toMatchObject({ code: 0 });
});

test("a restore that finds the disk full at any step says so, and goes on with more room; until it is done, the bot does not start", async ({
    scene,
    alice,
    skip,
}) => {
    using disk = SmallDisk.mount(64 * 1024);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const bot = await scene.bot({ DATA_DIR: folderOn(disk) });
    const roomId = await roomWithMessage(alice, bot);
    const file = join(elsewhere.path, "to be restored");
    expect((await bot.command("snapshot", file)).code).toBe(0);
    await bot.kill();
    loseFolder(folderOn(disk));

    const size = Math.ceil(statSync(file).size / 824);
    const begun = (): boolean => existsSync(join(folderOn(disk), "restore.part"));
    const stages = new Set<string>();
    const startsBetween = new Set<number | null>();
    for (let free = Math.floor(size * 0.8); ; free += Math.ceil(size / 8)) {
        disk.leaveFree(free);
        const restored = await bot.command("restore", file);
        if (restored.code === 0) break;
        expect(restored).toMatchObject(noRoom("the restore"));
        const stage = begun() ? String(readdirSync(join(folderOn(disk), "restore.part"))) : "nothing";
        if (begun() && !stages.has(stage)) startsBetween.add((await bot.command("run")).code);
        stages.add(stage);
    }
    expect([...startsBetween]).toEqual([65]);
    disk.makeRoom();
    await bot.run();
    const { account } = await bot.status();
    await until(
        "one device",
        async () =>
            (await alice.do("devices", bot.userId)).map(({ deviceId }) => deviceId).join() === account.device_id,
    );
    await scene.newcomerReads(alice, bot, roomId, ["said before"]);
    await bot.stop();
});
