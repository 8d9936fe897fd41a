import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../process/index.ts";
import { LimitedStage } from "./limited-stage.ts";

let stage: LimitedStage;

beforeAll(async () => {
    stage = await LimitedStage.open();
});

afterAll(async () => {
    await stage[Symbol.asyncDispose]();
});

test("eleven people, invited as fast as a human alone may: the bot lets the human go first, and follows in the same order", async () => {
    const zoe = await stage.inviter("zoe");
    const roomId = await stage.roomFor(zoe);
    const invitees = await stage.people(11);
    const begun = performance.now();
    const { waited } = await zoe.invite(roomId, invitees);
    const early = await stage.invitedByBot(roomId);
    // On a slow machine her invites lie further apart, and are heard of later. One of the bot's may come after half a
    // second without any, and each further one after two; while she waits for the homeserver there is no room for any.
    const worked = performance.now() - begun - waited;
    expect(early.length).toBeLessThanOrEqual(1 + Math.max(0, Math.floor((worked - 500) / 2_000)));

    // The first two have their turn when the human's invites are felt no more; each of the others would wait 3.3 s
    // more.
    const served = await until(
        "the bot's first invites",
        async () => {
            const invited = await stage.invitedByBot(roomId);
            return invited.length >= 2 && invited;
        },
        { limitMs: 60_000 },
    );
    expect(served).toEqual(invitees.slice(0, served.length));
    const waiting = (await stage.bot.status("--room", roomId)).jobs.filter(({ state }) => state === "delivered");
    expect(new Set(waiting.map(({ reason }) => reason))).toEqual(new Set(["reinvite_paced"]));
    for (const { devices } of waiting) expect(devices).toMatchObject([{ state: "sent" }]);
});

test("one person, invited to five rooms at once: every human's invite works, and the keys are there although the bot's have to wait", async () => {
    const zoe = await stage.inviter("zoe");
    const charlie = await stage.scene.absent("charlie");
    const rooms: string[] = [];
    for (let number = 0; number < 5; number += 1) rooms.push(await stage.roomFor(zoe));
    const waits = await Promise.all(rooms.map(async (roomId) => await zoe.tryInvite(roomId, charlie)));
    expect(waits).toEqual(rooms.map(() => undefined));

    const jobs = await until("five deliveries", async () => {
        const { jobs: all } = await stage.bot.status("--user", charlie);
        return all.length === 5 && all.every(({ reason }) => reason === "invitee_paced") && all;
    });
    for (const job of jobs) expect(job).toMatchObject({ state: "delivered", devices: [{ state: "sent" }] });
});

test("a person alone is invited again at once, and reads everything", async () => {
    const zoe = await stage.inviter("zoe");
    const dora = await stage.scene.person("dora");
    const roomId = await stage.roomFor(zoe);
    await zoe.invite(roomId, [dora.userId]);
    await stage.bot.job(roomId, dora.userId, "reinvited");
    await dora.do("join", roomId);
    await dora.reads(roomId, ["a message"]);
});
