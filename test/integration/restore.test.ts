import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, expect } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, saidBy } from "../clients/index.ts";
import { TemporaryFolder, until } from "../process/index.ts";
import { loseFolder } from "./lost-folder.ts";
import { test } from "./story.ts";

const elsewhere = new TemporaryFolder("elsewhere");

afterAll(() => elsewhere[Symbol.dispose]());

const snapshotFile = (bot: Bot): string => join(elsewhere.path, `snapshot of ${bot.userId.replaceAll(/\W/g, "")}`);
const devicesOf = async (alice: Client, bot: Bot): Promise<readonly string[]> =>
    (await alice.do("devices", bot.userId)).map(({ deviceId }) => deviceId);

test.concurrent("restored from a snapshot of a running bot, everybody reads what it says, and it receives and shares what they say", async ({
    scene,
    alice,
}) => {
    const [bot, charlie, dave, eve] = [
        await scene.bot(),
        await scene.person("charlie"),
        await scene.person("dave"),
        await scene.person("eve"),
    ];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "before the snapshot");
    // A job of each kind: over, and waiting for its invitee.
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await alice.do("inviteWithoutSharing", roomId, eve.userId);
    await reinvited(eve, roomId, bot);
    await bot.command("pause", "!elsewhere:backscroll.test");

    const [taken] = await Promise.all([
        bot.command("snapshot", snapshotFile(bot)),
        ...["one", "two", "three"].map((text) => alice.do("send", roomId, text)),
    ]);
    expect(taken).toMatchObject({ code: 0, answer: "" });
    expect(statSync(snapshotFile(bot)).mode & 0o777).toBe(0o600);
    expect(readdirSync(bot.dataFolder).filter((name) => name.includes("part"))).toEqual([]);
    // The bot goes on: its ratchets are ahead of the snapshot then.
    const later = await roomWithBot(alice, bot);
    const before = await bot.status();
    await bot.kill();
    loseFolder(bot.dataFolder);

    expect(await bot.command("restore", snapshotFile(bot))).toMatchObject({
        code: 0,
        answer: expect.stringMatching(/with \d+ room keys/),
    });
    expect(readdirSync(bot.dataFolder).toSorted()).toEqual(["backscroll.sqlite", "crypto.sqlite", "lock", "store-key"]);
    await bot.run();

    const after = await bot.status();
    expect(after.account).toMatchObject({ fingerprint: before.account.fingerprint, cross_signed: true });
    expect(after.account.device_id).not.toBe(before.account.device_id);
    expect(after.jobs.map(({ user_id: userId }) => userId)).toEqual(before.jobs.map(({ user_id: userId }) => userId));
    expect(after.paused.rooms).toEqual(["!elsewhere:backscroll.test"]);
    await until(
        "the old device to be gone",
        async () => (await devicesOf(alice, bot)).join() === after.account.device_id,
    );

    // What it says is read, in a room of before and in one of after.
    const newRoom = await roomWithBot(alice, bot);
    expect(saidBy(bot, await alice.do("timeline", newRoom))).toEqual([expect.stringContaining("history")]);
    // What is said to it, it shares, with what it had.
    await alice.do("send", later, "in the room of the time between");
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "after the restore");
    await alice.do("inviteWithoutSharing", roomId, dave.userId);
    await reinvited(dave, roomId, bot);
    await dave.do("join", roomId);
    await dave.reads(roomId, ["before the snapshot", "one", "two", "three", "after the restore"]);

    // Who was invited with the lost device's bundle, which nobody opens any more, has got another one.
    await bot.process.line((line) => line.includes("shared the room's history") && line.includes(eve.userId));
    await eve.do("join", roomId);
    await eve.reads(roomId, ["before the snapshot", "one", "two", "three", "after the restore"]);

    // Of the time between, only what the lost device itself said is lost, and the bot knows that.
    await alice.do("inviteWithoutSharing", later, dave.userId);
    expect(await bot.job(later, dave.userId, "delivered")).toMatchObject({ reason: "coverage_incomplete" });
});

test.concurrent("an old copy of the folder that somebody put back is refused, and restoring from it helps", async ({
    scene,
    alice,
}) => {
    const bot = await scene.bot();
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "kept in the old copy");
    await until("the key", async () => ((await bot.status("--room", roomId)).rooms[0]?.sessions.shareable ?? 0) > 1);
    await bot.stop();
    const copy = join(elsewhere.path, "copy");
    cpSync(bot.dataFolder, copy, { recursive: true });
    await bot.run();
    await bot.stop();
    rmSync(bot.dataFolder, { recursive: true });
    cpSync(copy, bot.dataFolder, { recursive: true });

    const refused = bot.launch();
    expect(await refused.exited).toMatchObject({ code: 65 });
    expect(refused.output).toMatch(/old copy.*backscroll restore/);

    expect((await bot.command("snapshot", snapshotFile(bot))).code).toBe(0);
    expect(await bot.command("restore", snapshotFile(bot))).toMatchObject({
        code: 64,
        output: expect.stringContaining("There is a store in"),
    });
    await bot.kill();
    loseFolder(bot.dataFolder);
    expect((await bot.command("restore", snapshotFile(bot))).code).toBe(0);
    await bot.run();
    await scene.newcomerReads(alice, bot, roomId, ["kept in the old copy"]);
});

test.concurrent("a restore that was killed anywhere is finished by the next one, and the bot does not start meanwhile", async ({
    scene,
    alice,
}) => {
    const bot = await scene.bot();
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "kept through the kills");
    expect((await bot.command("snapshot", snapshotFile(bot))).code).toBe(0);
    await bot.kill();
    loseFolder(bot.dataFolder);

    const startsBetween: (number | null)[] = [];
    for (let patience = 700; ; patience += 400) {
        const restore = bot.launchCommand("restore", snapshotFile(bot));
        if (await Promise.race([restore.exited.then(({ code }) => code === 0), pause(patience, false)])) break;
        await restore.kill();
        if (existsSync(join(bot.dataFolder, "restore.part"))) startsBetween.push((await bot.launch().exited).code);
    }
    expect(new Set(startsBetween)).toEqual(new Set([65]));
    await bot.run();
    const { account } = await bot.status();
    await until("one device", async () => (await devicesOf(alice, bot)).join() === account.device_id);
    await scene.newcomerReads(alice, bot, roomId, ["kept through the kills"]);
});

test.concurrent("a wrong key, a wrong password and a damaged snapshot change nothing", async ({ scene }) => {
    const bot = await scene.bot();
    expect((await bot.command("snapshot", snapshotFile(bot))).code).toBe(0);
    await bot.kill();
    loseFolder(bot.dataFolder);
    const left = (): readonly string[] => readdirSync(bot.dataFolder).toSorted();
    const restore = (...settings: readonly [string, string][]) =>
        bot.commandWith(Object.fromEntries(settings), "restore", snapshotFile(bot));

    expect(await restore(["STORE_KEY", Buffer.alloc(32, 1).toString("base64")])).toMatchObject({
        code: 65,
        output: expect.stringContaining("was not made with this store key"),
    });
    expect(left()).toEqual(["lock", "store-key"]);
    const whole = readFileSync(snapshotFile(bot));
    truncateSync(snapshotFile(bot), whole.length - 1_000);
    expect(await restore()).toMatchObject({ code: 64, output: expect.stringContaining("cut off") });
    expect(left()).toEqual(["lock", "store-key"]);
    writeFileSync(snapshotFile(bot), whole);
    expect((await restore(["HOMESERVER_PASSWORD", "wrong"])).code).toBe(77);

    expect(await restore()).toMatchObject({ code: 0 });
    await bot.run();
});
