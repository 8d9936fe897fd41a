import { expect } from "vitest";
import { reinvited, roomWithBot } from "../bot/index.ts";
import { MegolmSender, saidBy } from "../clients/index.ts";
import { test } from "./story.ts";

test("a plain invite: the bot delivers, invites again, and the invitee reads what was said before", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "the first message");
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "in a second session");

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);

    await charlie.reads(roomId, ["the first message", "in a second session"]);
    const job = await bot.job(roomId, charlie.userId, "joined", "done");
    expect(job).toMatchObject({ inviter: alice.userId, devices: [{ device_id: charlie.deviceId, state: "sent" }] });
});

test("visibility switched to joined and back: the closed session is withheld, the open ones arrive", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "open, before");
    await alice.do("sendState", roomId, "m.room.history_visibility", "", { history_visibility: "joined" });
    await alice.do("send", roomId, "closed");
    await alice.do("sendState", roomId, "m.room.history_visibility", "", { history_visibility: "shared" });
    await alice.do("send", roomId, "open, after");

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);

    const timeline = await charlie.reads(roomId, ["open, before", "open, after"]);
    // What was closed when it was said is not even among the events that the server gives to a newcomer.
    expect(saidBy(alice, timeline)).not.toContain("closed");
    expect((await bot.status("--room", roomId)).rooms[0]).toMatchObject({ sessions: { not_shareable: 1 } });
});

test("while the visibility is joined, nothing is shared", async ({ bot, alice, charlie }) => {
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "open once");
    await alice.do("sendState", roomId, "m.room.history_visibility", "", { history_visibility: "joined" });

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);

    expect(await bot.job(roomId, charlie.userId, "refused")).toMatchObject({
        reason: "visibility_not_shared",
        devices: [],
    });
});

test("a sender with the specification's spelling of the flag is shared", async ({ bot, alice, charlie }) => {
    const roomId = await roomWithBot(alice, bot);
    const sender = new MegolmSender(alice, roomId);
    await sender.shareKey(await alice.do("devices", bot.userId), { shared_history: true });
    await sender.send("spelt as specified");

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);

    await charlie.reads(roomId, ["spelt as specified"]);
});

test("a session whose sender said nothing about sharing stays with the bot", async ({ bot, alice, charlie }) => {
    const roomId = await roomWithBot(alice, bot);
    const sender = new MegolmSender(alice, roomId);
    await sender.shareKey(await alice.do("devices", bot.userId), {});
    await sender.send("not for newcomers");
    await alice.do("send", roomId, "for newcomers");

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);

    const timeline = await charlie.reads(roomId, ["for newcomers"]);
    expect(saidBy(alice, timeline)).toEqual([null, "for newcomers"]);
});

test("a stranger's forged flag for somebody else's session changes nothing", async ({ scene, bot, alice }) => {
    const [charlie, mallory] = await Promise.all([scene.person("charlie"), scene.person("mallory")]);
    const roomId = await roomWithBot(alice, bot);
    // A room of her own makes her client know the bot's devices.
    await mallory.do("send", await roomWithBot(mallory, bot), "hello");
    const [devices, closed, open] = [
        await alice.do("devices", bot.userId),
        new MegolmSender(alice, roomId),
        new MegolmSender(alice, roomId),
    ];
    await closed.shareKey(devices, { shared_history: false });
    await open.shareKey(devices, { shared_history: true });
    await closed.send("closed by its sender");
    await open.send("open by its sender");

    for (const [victim, flag] of [[closed, true] as const, [open, false] as const]) {
        const forged = { session_id: victim.session.id, shared_history: flag, "m.shared_history": flag };
        await new MegolmSender(mallory, roomId).shareKey(devices, forged);
    }
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);

    const timeline = await charlie.reads(roomId, ["open by its sender"]);
    expect(saidBy(alice, timeline)).toEqual([null, "open by its sender"]);
});

test("an invite that was pending when the bot joined is served too", async ({ bot, alice, charlie }) => {
    const roomId = await alice.do("createRoom", { name: "a room" });
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await alice.do("inviteWithoutSharing", roomId, bot.userId);

    // Nobody has said anything yet that the bot could hand on, but for its own greeting.
    expect(await bot.job(roomId, charlie.userId, "refused", "reinvited")).toMatchObject({ inviter: alice.userId });
});
