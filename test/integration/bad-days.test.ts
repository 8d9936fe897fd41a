import { afterAll, beforeAll, expect, test } from "vitest";
import { reinvited, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import type { Synapse } from "../synapse/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene<Synapse>;
let alice: Client;

beforeAll(async () => {
    scene = await Scene.alone();
    alice = await scene.person("alice");
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

test("a wrong password ends it with 77 and a sentence", async () => {
    const bot = await scene.restingBot({ HOMESERVER_PASSWORD: "not the password" });
    const process = bot.launch();
    expect(await process.exited).toMatchObject({ code: 77 });
    expect(process.output).toMatch(/password/i);
    expect(process.output).not.toContain("not the password");
});

test("a token that was revoked ends it with 77 and a sentence", async () => {
    const user = await scene.user("backscroll");
    const { token } = await scene.login(user);
    const bot = await scene.botOf(user, { HOMESERVER_PASSWORD: "", HOMESERVER_ACCESS_TOKEN: token });

    await fetch(`${scene.synapse.url}/_matrix/client/v3/logout`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
    });

    expect(await bot.process.exited).toMatchObject({ code: 77 });
    expect(bot.process.output).not.toContain(token);
});

test("a data folder of another account ends it with 77, and nothing is changed", async () => {
    const [bot, other] = [await scene.bot(), await scene.user("other")];
    await bot.stop();
    const settings = {
        DATA_DIR: bot.dataFolder,
        HOMESERVER_USER_ID: other.userId,
        HOMESERVER_PASSWORD: other.password,
    };
    const intruder = await scene.restingBot(settings);
    expect(await intruder.launch().exited).toMatchObject({ code: 77 });
    await bot.run();
    expect(await bot.status()).toMatchObject({ account: { user_id: bot.userId, cross_signed: true } });
});

test("a data folder that is none ends it with 74", async () => {
    const bot = await scene.restingBot({ DATA_DIR: import.meta.filename });
    expect(await bot.command("run")).toMatchObject({ code: 74 });
});

test("a command that needs the homeserver says that it is not there, with 69", async () => {
    const bot = await scene.restingBot({ HOMESERVER_URL: "http://127.0.0.1:9" });
    const { code, output } = await bot.command("login");
    expect(code).toBe(69);
    expect(output).toContain("http://127.0.0.1:9");
});

test("a second process on the same data folder is refused with 75, and the first goes on", async () => {
    const bot = await scene.bot();
    const first = bot.process;
    const second = await bot.command("run");
    expect(second.code).toBe(75);
    expect(first.running).toBe(true);
});

test("SIGTERM stops it within 5 s with 0, and the device stays", async () => {
    const bot = await scene.bot();
    const before = await alice.do("devices", bot.userId);
    // After 4.5 s it would end itself by SIGKILL.
    expect(await bot.stop()).toEqual({ code: 0, signal: null });
    expect(await alice.do("devices", bot.userId)).toEqual(before);
});

test("killed after it heard and restarted after the invite: the invitee reads everything", async () => {
    const [bot, charlie] = [await scene.bot(), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before the power cut");
    await bot.kill();
    await alice.do("send", roomId, "said while the bot was down");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);

    await bot.run();
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before the power cut", "said while the bot was down"]);
});

test("killed again and again while it starts with a delivery to make: delivered all the same", async () => {
    const [bot, charlie] = [await scene.bot(), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");
    await bot.kill();
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    for (const moment of ['"msg":"starting"', '"msg":"the account is ready', '"msg":"ready"']) {
        const process = bot.launch();
        await process.line((line) => line.includes(moment));
        await bot.kill();
    }

    await bot.run();
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("the homeserver restarts in the middle: the bot waits, and the story ends well", async () => {
    const [bot, charlie] = [await scene.bot(), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before the restart");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await scene.synapse.pause();
    expect(bot.process.running).toBe(true);
    expect(await bot.command("health")).toMatchObject({ code: 0 });
    await scene.synapse.resume();

    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before the restart"], 60_000);
});

test("a homeserver that is not there at the start is waited for", async () => {
    const bot = await scene.restingBot();
    await scene.synapse.pause();
    const process = bot.launch();
    await process.line((line) => line.includes("homeserver"));
    await scene.synapse.resume();
    await bot.ready(60_000);
});
