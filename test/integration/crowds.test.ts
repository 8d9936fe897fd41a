import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited } from "../bot/index.ts";
import { type Client, leaveDevice } from "../clients/index.ts";
import { until } from "../process/index.ts";
import type { Exchange, Proxy } from "../proxy/index.ts";
import { ProxiedScene } from "./proxied-scene.ts";
import { Scene } from "./scene.ts";

let stage: ProxiedScene;
let scene: Scene;
let proxy: Proxy;
let bot: Bot;
let alice: Client;

beforeAll(async () => {
    stage = await ProxiedScene.open(await Scene.open());
    ({ scene, proxy, bot, alice } = stage);
});

afterAll(async () => {
    await stage[Symbol.asyncDispose]();
});

/** The copies that the bot has sent since, as user and device, in the order of their requests. */
function copies(since: number): readonly string[] {
    return proxy.exchanges.slice(since).filter(isSending).flatMap(recipients);
}

function isSending({ endpoint }: Exchange): boolean {
    return endpoint === "PUT /sendToDevice/m.room.encrypted/*";
}

function recipients({ body }: Exchange): readonly string[] {
    const { messages } = JSON.parse(body.toString()) as { readonly messages: Readonly<Record<string, object>> };
    return Object.entries(messages).flatMap(([userId, devices]) =>
        Object.keys(devices).map((deviceId) => `${userId} ${deviceId}`),
    );
}

test("an invitee with fifty devices: each is served, by one claim and one request", async () => {
    const user = await scene.user("charlie");
    const phone = await scene.device(user, { deviceId: "PHONE" });
    const identity = await phone.do("exportIdentity");
    const others = Array.from({ length: 49 }, (_, number) => `DEVICE${number}`);
    for (const deviceId of others) await leaveDevice(scene.synapse, user, { deviceId, identity });
    const roomId = await stage.roomWithMessage();
    const before = proxy.exchanges.length;
    await alice.do("inviteWithoutSharing", roomId, user.userId);
    await reinvited(phone, roomId, bot);

    const { devices } = await bot.job(roomId, user.userId, "reinvited");
    const all = ["PHONE", ...others].toSorted();
    expect(devices.map(({ device_id: id }) => id).toSorted()).toEqual(all);
    expect(new Set(devices.map(({ state }) => state))).toEqual(new Set(["sent"]));
    const since = proxy.exchanges.slice(before);
    expect(since.filter(isSending)).toHaveLength(1);
    expect(
        since.filter(({ endpoint, body }) => endpoint === "POST /keys/claim" && body.includes(user.userId)),
    ).toHaveLength(1);
    expect(copies(before).toSorted()).toEqual(all.map((deviceId) => `${user.userId} ${deviceId}`));

    await phone.do("join", roomId);
    await phone.reads(roomId, ["a message"]);
});

test("one person, invited into ten rooms at once, reads what was said in each", async () => {
    const charlie = await scene.person("charlie");
    const roomIds: string[] = [];
    for (let number = 0; number < 10; number += 1) roomIds.push(await stage.roomWithMessage());
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
    const roomId = await stage.roomWithMessage();
    const before = proxy.exchanges.length;
    await Promise.all(invitees.map(async (userId) => await alice.do("inviteWithoutSharing", roomId, userId)));
    await until(
        "thirty invites by the bot",
        async () =>
            (await bot.status("--room", roomId)).jobs.filter(({ state }) => state === "reinvited").length === 30,
        { limitMs: 60_000, everyMs: 500 },
    );

    const since = proxy.exchanges.slice(before);
    expect(since.filter(({ endpoint }) => endpoint === "PUT /media/upload/*")).toHaveLength(1);
    expect(copies(before).toSorted()).toEqual(invitees.map((userId) => `${userId} ABSENT`).toSorted());
    const invites = since.filter(
        ({ method, endpoint }) => method === "PUT" && endpoint === "PUT /rooms/*/state/m.room.member/*",
    );
    expect(invites.map(({ path }) => path.split("/").at(-1) ?? "").toSorted()).toEqual(invitees.toSorted());
});
