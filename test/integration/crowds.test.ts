import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, leaveDevice } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { type Exchange, Proxy } from "../proxy/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let proxy: Proxy;
let bot: Bot;
let alice: Client;

beforeAll(async () => {
    scene = await Scene.open();
    proxy = await Proxy.open(scene.synapse.url);
    // Nothing is limited on this homeserver.
    const settings = { HOMESERVER_URL: proxy.url, SHARING_REINVITE_PACE: "unlimited", CHAT_GREETING: "false" };
    [bot, alice] = await Promise.all([scene.bot(settings), scene.person("alice")]);
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
});

async function roomWithMessage(): Promise<string> {
    const roomId = await roomWithBot(alice, bot, { greeted: false });
    await alice.do("send", roomId, "a message");
    return roomId;
}

/** The copies that the bot has sent since, as user and device, in the order of their requests. */
function copies(since: number): readonly string[] {
    return proxy.exchanges.slice(since).filter(isSending).flatMap(recipients);
}

function isSending({ endpoint }: Exchange): boolean {
    return endpoint === "PUT /sendToDevice/m.room.encrypted/*";
}

function recipients({ body }: Exchange): readonly string[] {
    const { messages } = JSON.parse(body.toString()) as { readonly messages: Readonly<Record<string, object>> };
    return Object.entries(messages).flatMap(([userId, devices]) => Object.keys(devices).map((deviceId) => `${userId} ${deviceId}`));
}

test("an invitee with fifty devices: each is served, by one claim and one request", async () => {
    const user = await scene.user("charlie");
    const phone = await scene.device(user, { deviceId: "PHONE" });
    const identity = await phone.do("exportIdentity");
    const others = Array.from({ length: 49 }, (_, number) => `DEVICE${number}`);
    for (const deviceId of others) await leaveDevice(scene.synapse, user, { deviceId, identity });
    const roomId = await roomWithMessage();
    const before = proxy.exchanges.length;
    await alice.do("inviteWithoutSharing", roomId, user.userId);
    await reinvited(phone, roomId, bot);

    const { devices } = await bot.job(roomId, user.userId, "reinvited");
    const all = ["PHONE", ...others].toSorted();
    expect(devices.map(({ device_id: id }) => id).toSorted()).toEqual(all);
    expect(new Set(devices.map(({ state }) => state))).toEqual(new Set(["sent"]));
    const since = proxy.exchanges.slice(before);
    expect(since.filter(isSending)).toHaveLength(1);
    expect(since.filter(({ endpoint, body }) => endpoint === "POST /keys/claim" && body.includes(user.userId))).toHaveLength(1);
    expect(copies(before).toSorted()).toEqual(all.map((deviceId) => `${user.userId} ${deviceId}`));

    await phone.do("join", roomId);
    await phone.reads(roomId, ["a message"]);
});

test("one person, invited into ten rooms at once, reads what was said in each", async () => {
    const charlie = await scene.person("charlie");
    const roomIds: string[] = [];
    for (let number = 0; number < 10; number += 1) roomIds.push(await roomWithMessage());
    await Promise.all(roomIds.map(async (roomId) => await alice.do("inviteWithoutSharing", roomId, charlie.userId)));
    for (const roomId of roomIds) await reinvited(charlie, roomId, bot);
    for (const roomId of roomIds) {
        await charlie.do("join", roomId);
        await charlie.reads(roomId, ["a message"]);
    }
});

test("thirty people, invited at once: one upload, one copy for each of them, and one invite by the bot", async () => {
    const invitees: string[] = [];
    for (let number = 0; number < 30; number += 1) invitees.push(await scene.absent("invitee"));
    const roomId = await roomWithMessage();
    const before = proxy.exchanges.length;
    await Promise.all(invitees.map(async (userId) => await alice.do("inviteWithoutSharing", roomId, userId)));
    await until(
        "thirty invites by the bot",
        async () => (await bot.status("--room", roomId)).jobs.filter(({ state }) => state === "reinvited").length === 30,
        { limitMs: 60_000, everyMs: 500 },
    );

    const since = proxy.exchanges.slice(before);
    expect(since.filter(({ endpoint }) => endpoint === "PUT /media/upload/*")).toHaveLength(1);
    expect(copies(before).toSorted()).toEqual(invitees.map((userId) => `${userId} ABSENT`).toSorted());
    const invites = since.filter(({ method, endpoint }) => method === "PUT" && endpoint === "PUT /rooms/*/state/m.room.member/*");
    expect(invites.map(({ path }) => path.split("/").at(-1) ?? "").toSorted()).toEqual(invitees.toSorted());
});
