import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";
import { Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { until } from "../process/index.ts";
import { Proxy } from "../proxy/index.ts";
import { test } from "./story.ts";

/** What became of each of the invitee's devices. */
async function devices(bot: Bot, roomId: string, userId: string): Promise<Record<string, string>> {
    const [job] = (await bot.status("--room", roomId, "--user", userId)).jobs;
    return Object.fromEntries((job?.devices ?? []).map(({ device_id, state }) => [device_id, state]));
}

async function deviceStates(
    bot: Bot,
    roomId: string,
    userId: string,
    wanted: Readonly<Record<string, string>>,
): Promise<void> {
    let seen: Record<string, string> = {};
    try {
        await until("the devices", async () => isDeepStrictEqual((seen = await devices(bot, roomId, userId)), wanted), {
            limitMs: 60_000,
            everyMs: 500,
        });
    } catch (cause) {
        throw new Error(`the devices are ${JSON.stringify(seen)}; the bot's log:\n${bot.process.output}`, { cause });
    }
}

test.concurrent("every device of the invitee is served: new while the invite is pending, signed later, new after the join; over a kill of the bot", async ({
    scene,
    alice,
}) => {
    const [bot, user] = [await scene.bot(), await scene.user("charlie")];
    const phone = await scene.device(user, { deviceId: "PHONE" });
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before");
    await alice.do("inviteWithoutSharing", roomId, user.userId);
    await reinvited(phone, roomId, bot);
    await deviceStates(bot, roomId, user.userId, { PHONE: "sent" });

    await bot.kill();
    const identity = await phone.do("exportIdentity");
    const [laptop, tablet, spare] = await Promise.all([
        scene.device(user, { deviceId: "LAPTOP", identity }),
        scene.device(user, { deviceId: "TABLET", identity: "none" }),
        scene.device(user, { deviceId: "SPARE", identity: "none" }),
    ]);
    await bot.run();
    const unsigned = "not_cross_signed";
    await deviceStates(bot, roomId, user.userId, { PHONE: "sent", LAPTOP: "sent", TABLET: unsigned, SPARE: unsigned });

    await Promise.all([tablet.do("takeIdentity", identity), spare.do("request", "POST", "/logout")]);
    await deviceStates(bot, roomId, user.userId, { PHONE: "sent", LAPTOP: "sent", TABLET: "sent" });

    // The device that joins is one that came after the invite; its second copy comes right after the join.
    await laptop.do("join", roomId);
    await laptop.reads(roomId, ["said before"]);
    await until("the second copy", async () => (await laptop.do("bundlesReceived")).length === 2);
    await bot.job(roomId, user.userId, "joined");

    await scene.device(user, { deviceId: "WATCH", identity });
    await deviceStates(bot, roomId, user.userId, { PHONE: "sent", LAPTOP: "sent", TABLET: "sent", WATCH: "sent" });
});

test.concurrent("who had no identity when invited is served when they have set one up", async ({ scene, alice }) => {
    const [bot, user] = [await scene.bot(), await scene.user("charlie")];
    const phone = await scene.device(user, { deviceId: "PHONE", identity: "none" });
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before");
    await alice.do("inviteWithoutSharing", roomId, user.userId);
    expect(await bot.job(roomId, user.userId, "reinvited")).toMatchObject({ reason: "waits_for_device" });
    await deviceStates(bot, roomId, user.userId, { PHONE: "not_cross_signed" });

    await phone.do("resetIdentity");
    await reinvited(phone, roomId, bot);
    await deviceStates(bot, roomId, user.userId, { PHONE: "sent" });
    await phone.do("join", roomId);
    await phone.reads(roomId, ["said before"]);
});

test("many who were invited at once share every request that can be shared", async ({ scene, alice }) => {
    await using proxy = await Proxy.open(scene.synapse.url);
    // In the polite pace each waits for its turn with the bot's own invite: that is another story.
    const settings = { HOMESERVER_URL: proxy.url, SHARING_REINVITE_PACE: "unlimited" };
    await using bot = new Bot(scene.synapse, await scene.user("backscroll"), settings);
    await bot.run();
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "said before");
    const people = await Promise.all(["dora", "erin", "fred", "gina"].map((name) => scene.person(name)));
    await bot.stop();
    for (const { userId } of people) await alice.do("inviteWithoutSharing", roomId, userId);
    const before = proxy.exchanges.length;
    await bot.run();
    await Promise.all(people.map((person) => reinvited(person, roomId, bot)));

    const since = proxy.exchanges.slice(before);
    const bodies = (endpoint: string): readonly string[] =>
        since.filter((exchange) => exchange.endpoint === endpoint).map(({ body }) => body.toString());
    const naming = (endpoint: string): readonly string[] =>
        bodies(endpoint).filter((body) => people.some(({ userId }) => body.includes(userId)));
    for (const endpoint of ["POST /keys/query", "POST /keys/claim", "PUT /sendToDevice/m.room.encrypted/*"]) {
        const requests = naming(endpoint);
        expect({ endpoint, requests: requests.length }).toEqual({ endpoint, requests: 1 });
        expect(people.every(({ userId }) => requests[0]?.includes(userId))).toBe(true);
    }
    expect(since.filter(({ endpoint }) => endpoint === "PUT /media/upload/*")).toHaveLength(1);
    const last = people.at(-1);
    await last?.do("join", roomId);
    await last?.reads(roomId, ["said before"]);
});
