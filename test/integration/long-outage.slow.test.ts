import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bot, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Proxy } from "../proxy/index.ts";
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

const outageMs = 120_000;
/** The bots' longest pause between two attempts after such an outage, and some more. */
const limitMs = 300_000;

const moments = ["POST /keys/query", "PUT /media/upload/*", "PUT /rooms/*/state/m.room.member/*"] as const;

test("a homeserver that is away for minutes, at different moments of deliveries: each story ends well, with one file and one copy", async () => {
    await using stories = new AsyncDisposableStack();
    const away = Promise.withResolvers<void>();
    let listening = false;
    const under = [];
    for (const moment of moments) {
        const proxy = stories.use(await Proxy.open(scene.synapse.url));
        const settings = { HOMESERVER_URL: proxy.url, SHARING_REINVITE_PACE: "unlimited", CHAT_GREETING: "false" };
        const bot = stories.use(new Bot(scene.synapse, await scene.user("backscroll"), settings));
        await bot.run();
        const charlie = await scene.person("charlie");
        const roomId = await roomWithBot(alice, bot, { greeted: false });
        await alice.do("send", roomId, "a message");
        const reached = Promise.withResolvers<void>();
        proxy.script = async ({ endpoint }) => {
            if (!listening || endpoint !== moment) return undefined;
            reached.resolve();
            await away.promise;
            return { kind: "break_before" };
        };
        under.push({ bot, charlie, roomId, proxy, before: proxy.exchanges.length, reached: reached.promise });
    }
    listening = true;
    for (const { roomId, charlie, reached } of under) {
        await alice.do("inviteWithoutSharing", roomId, charlie.userId);
        await reached;
    }
    await scene.synapse.pause();
    away.resolve();
    for (const { proxy } of under) proxy.script = () => undefined;
    await pause(outageMs);
    await scene.synapse.resume();

    for (const { bot, charlie, roomId, proxy, before } of under) {
        await until(
            "the bot's own invite",
            async () => (await charlie.do("membership", roomId, charlie.userId))?.sender === bot.userId,
            {
                limitMs,
                everyMs: 500,
            },
        );
        const done = proxy.exchanges.slice(before).filter(({ answered }) => answered?.status === 200);
        expect(done.filter(({ endpoint }) => endpoint === "PUT /media/upload/*")).toHaveLength(1);
        expect(done.filter(({ endpoint }) => endpoint === "PUT /sendToDevice/m.room.encrypted/*")).toHaveLength(1);
        await charlie.do("join", roomId);
        await charlie.reads(roomId, ["a message"]);
    }
});
