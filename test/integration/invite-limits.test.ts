import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Scene } from "./scene.ts";
import { Inviter } from "./series.ts";

// A homeserver that limits what people say and whom they invite as Synapse does out of the box. Whoever makes the rooms is not limited,
// and counts against nobody, so that every limit is as good as new when a story begins.

let scene: Scene;
let bot: Bot;
let alice: Client;

beforeAll(async () => {
    scene = await Scene.open({ rateLimits: "people" });
    [bot, alice] = await Promise.all([scene.bot({ CHAT_GREETING: "false" }), scene.person("alice")]);
    await scene.synapse.liftLimits(alice.userId);
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

/** A room of Alice's with something in it to read, in which the bot and the inviter may invite. */
async function roomFor(inviter: Inviter, withBot = true): Promise<string> {
    const roomId = await alice.do("createRoom", { name: "a room" });
    await alice.do("inviteWithoutSharing", roomId, inviter.userId);
    await inviter.join(roomId);
    if (withBot) {
        await alice.do("inviteWithoutSharing", roomId, bot.userId);
        await until("the bot to join", async () => (await alice.do("membership", roomId, bot.userId))?.membership === "join");
    }
    await alice.do("send", roomId, "a message");
    return roomId;
}

/** People with a signed device each, at which nobody sits. */
async function people(count: number): Promise<readonly string[]> {
    const userIds: string[] = [];
    for (let number = 0; number < count; number += 1) userIds.push(await scene.absent("invitee"));
    return userIds;
}

/** Who invited whom, in the order in which it happened. */
async function invites(roomId: string): Promise<readonly { readonly sender: string; readonly userId: string }[]> {
    const path = `/rooms/${encodeURIComponent(roomId)}/messages?dir=f&limit=200&filter=${encodeURIComponent('{"types":["m.room.member"]}')}`;
    const { chunk } = (await alice.do("request", "GET", path)) as {
        chunk: readonly { readonly sender: string; readonly state_key: string; readonly content: { readonly membership: string } }[];
    };
    return chunk.filter(({ content }) => content.membership === "invite").map(({ sender, state_key: userId }) => ({ sender, userId }));
}

async function inviter(name: string): Promise<Inviter> {
    return await Inviter.login(scene.synapse, await scene.user(name));
}

test("twelve people, invited as fast as a human alone may: the human is as fast as ever, and the bot follows in the same order", async () => {
    const [zoe, yves] = [await inviter("zoe"), await inviter("yves")];
    const [roomId, withoutBot] = [await roomFor(zoe), await roomFor(yves, false)];
    const [ofZoe, ofYves] = [
        await people(12),
        await Promise.all(Array.from({ length: 12 }, async () => (await scene.user("other")).userId)),
    ];

    const [withBot, alone] = await Promise.all([
        zoe.invite(ofZoe.map((userId) => ({ roomId, userId }))),
        yves.invite(ofYves.map((userId) => ({ roomId: withoutBot, userId }))),
    ]);
    expect(withBot.refusals).toBeLessThanOrEqual(alone.refusals);
    expect((await invites(roomId)).map(({ sender }) => sender)).not.toContain(bot.userId);

    // The first two have their turn when the human's invites are felt no more; each of the others would wait 3.3 s more.
    const served = await until(
        "the bot's first invites",
        async () => {
            const byBot = (await invites(roomId)).filter(({ sender }) => sender === bot.userId);
            return byBot.length >= 2 && byBot.map(({ userId }) => userId);
        },
        { limitMs: 60_000 },
    );
    expect(served).toEqual(ofZoe.slice(0, served.length));
    const waiting = (await bot.status("--room", roomId)).jobs.filter(({ state }) => state === "delivered");
    expect(new Set(waiting.map(({ reason }) => reason))).toEqual(new Set(["reinvite_paced"]));
    for (const { devices } of waiting) expect(devices).toMatchObject([{ state: "sent" }]);
});

test("one person, invited to five rooms at once: every human's invite works, and the keys are there although the bot's have to wait", async () => {
    const zoe = await inviter("zoe");
    const [charlie] = await people(1);
    const rooms: string[] = [];
    for (let number = 0; number < 5; number += 1) rooms.push(await roomFor(zoe));
    const waits = await Promise.all(rooms.map(async (roomId) => await zoe.tryInvite({ roomId, userId: charlie ?? "" })));
    expect(waits).toEqual(rooms.map(() => undefined));

    const jobs = await until("five deliveries", async () => {
        const { jobs: all } = await bot.status("--user", charlie ?? "");
        return all.length === 5 && all.every(({ reason }) => reason === "invitee_paced") && all;
    });
    for (const job of jobs) expect(job).toMatchObject({ state: "delivered", devices: [{ state: "sent" }] });
});

test("a person alone is invited again at once, and reads everything", async () => {
    const zoe = await inviter("zoe");
    const dora = await scene.person("dora");
    const roomId = await roomFor(zoe);
    await zoe.invite([{ roomId, userId: dora.userId }]);
    await bot.job(roomId, dora.userId, "reinvited");
    await dora.do("join", roomId);
    await dora.reads(roomId, ["a message"]);
});
