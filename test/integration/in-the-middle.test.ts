import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import type { Fault, Proxy } from "../proxy/index.ts";
import type { Synapse } from "../synapse/index.ts";
import { ProxiedScene } from "./proxied-scene.ts";
import { Scene } from "./scene.ts";

let stage: ProxiedScene<Synapse>;
let scene: Scene<Synapse>;
let proxy: Proxy;
let bot: Bot;
let alice: Client;

beforeAll(async () => {
    stage = await ProxiedScene.open(await Scene.alone());
    ({ scene, proxy, bot, alice } = stage);
});

afterEach(() => {
    proxy.script = () => undefined;
});

afterAll(async () => {
    await stage[Symbol.asyncDispose]();
});

/**
 * Does something once, when the bot's next request to this endpoint has left the bot, and lets the request come to
 * nothing.
 */
function insteadOf(endpoint: string, happens: () => Promise<unknown>, fault: Fault = { kind: "break_before" }): void {
    let happened = false;
    proxy.script = async (request) => {
        if (happened || request.endpoint !== endpoint) return undefined;
        happened = true;
        await happens();
        return fault;
    };
}

const sending = "PUT /sendToDevice/m.room.encrypted/*";

test("the homeserver goes away in the middle of a delivery and comes back: the story ends well, with one file and one copy", async () => {
    const charlie = await scene.person("charlie");
    const roomId = await stage.roomWithMessage();
    const before = proxy.exchanges.length;
    const away = Promise.withResolvers<void>();
    insteadOf(sending, async () => {
        await scene.synapse.pause();
        away.resolve();
    });
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await away.promise;
    expect(await bot.job(roomId, charlie.userId, "queued")).toMatchObject({
        reason: "homeserver_unavailable",
        devices: [],
    });
    await scene.synapse.resume();

    await until(
        "the bot's own invite",
        async () => (await charlie.do("membership", roomId, charlie.userId))?.sender === bot.userId,
        {
            limitMs: 120_000,
        },
    );
    const done = proxy.exchanges.slice(before).filter(({ answered }) => answered?.status === 200);
    expect(done.filter(({ endpoint }) => endpoint === "PUT /media/upload/*")).toHaveLength(1);
    expect(done.filter(({ endpoint }) => endpoint === sending)).toHaveLength(1);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
}, 180_000);

test("an identity that changes in the middle of a delivery holds it; trusted, it goes on", async () => {
    const charlie = await scene.person("charlie");
    const roomId = await stage.roomWithMessage();
    const refusal = { status: 403, body: { errcode: "M_FORBIDDEN", error: "not now" } };
    insteadOf("PUT /media/upload/*", () => charlie.do("resetIdentity"), { kind: "answer_instead", answer: refusal });
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    expect(await bot.job(roomId, charlie.userId, "held")).toMatchObject({ reason: "identity_changed", devices: [] });
    expect(await charlie.do("membership", roomId, charlie.userId)).toMatchObject({ sender: alice.userId });

    const fingerprint = (await charlie.do("masterKey", charlie.userId)) ?? "";
    expect(await bot.command("trust", charlie.userId, "--key", fingerprint)).toMatchObject({ code: 0 });
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("somebody who is removed in the middle of a delivery, and invited again by two people at once, is served", async () => {
    const [dora, charlie] = [await scene.person("dora"), await scene.person("charlie")];
    const roomId = await stage.roomWithMessage();
    await alice.do("inviteWithoutSharing", roomId, dora.userId);
    await dora.do("join", roomId);
    insteadOf(sending, async () => {
        await alice.do("kick", roomId, charlie.userId);
        await Promise.all(
            [alice, dora].map(async (one) => await one.do("inviteWithoutSharing", roomId, charlie.userId)),
        );
    });
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    expect(await bot.job(roomId, charlie.userId, "reinvited")).toMatchObject({ devices: [{ state: "sent" }] });
    await charlie.do("join", roomId);
    // Its js-sdk does not page back beyond the removal: the keys are the proof.
    await until("the keys", async () => (await charlie.do("exportRoomKeys")).some((key) => key.room_id === roomId));
});
