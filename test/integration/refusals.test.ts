import { expect } from "vitest";
import { reinvited, roomWithBot } from "../bot/index.ts";
import { saidBy } from "../clients/index.ts";
import { test } from "./story.ts";

test("a device that its owner has not signed gets nothing, the signed one beside it does", async ({
    scene,
    bot,
    alice,
}) => {
    const user = await scene.user("charlie");
    const [signed, unsigned] = [
        await scene.device(user),
        await scene.device(user, { deviceId: "UNSIGNED", identity: "none" }),
    ];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "for signed devices");

    await alice.do("inviteWithoutSharing", roomId, user.userId);
    await reinvited(unsigned, roomId, bot);
    await unsigned.do("join", roomId);

    const job = await bot.job(roomId, user.userId, "joined", "done");
    const states = Object.fromEntries(job.devices.map(({ device_id: id, state }) => [id, state]));
    expect(states).toEqual({ [signed.deviceId]: "sent", UNSIGNED: "not_cross_signed" });
    expect(saidBy(alice, await unsigned.do("timeline", roomId))).toEqual([null]);
});

test("an invitee without a cross-signing identity is invited by the bot, and sent nothing", async ({
    scene,
    bot,
    alice,
}) => {
    const charlie = await scene.person("charlie", "none");
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);

    expect(await bot.job(roomId, charlie.userId, "reinvited")).toMatchObject({ reason: "waits_for_device" });
    await reinvited(charlie, roomId, bot);
    expect(await charlie.do("bundlesReceived")).toEqual([]);
});

test.concurrent("a changed identity is held until a human trusts the new one by its fingerprint", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "for the person we know");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);

    await charlie.do("resetIdentity");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    const held = await bot.job(roomId, charlie.userId, "held");
    expect(held).toMatchObject({ reason: "identity_changed" });
    expect(await bot.command("approve", held.id)).toMatchObject({ code: 1 });
    // Trust in another key than the one that the invitee has now releases nothing.
    await bot.command("trust", charlie.userId, "--key", "A".repeat(43));
    expect(await bot.job(roomId, charlie.userId, "held")).toMatchObject({ reason: "identity_changed" });
    expect(await charlie.do("membership", roomId, charlie.userId)).toMatchObject({ sender: alice.userId });

    const fingerprint = (await charlie.do("masterKey", charlie.userId)) ?? "";
    expect(await bot.command("trust", charlie.userId, "--key", fingerprint)).toMatchObject({ code: 0 });
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["for the person we know"]);
});

test.concurrent("an identity that changes after the delivery, on the same device, holds it at the next look, and the story says what was sent", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "for the person we know");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);

    await charlie.do("resetIdentity");
    const held = await bot.job(roomId, charlie.userId, "held");
    expect(held).toMatchObject({
        reason: "identity_changed",
        message: expect.stringMatching(/keys went to 1 device of the earlier one/),
    });

    const fingerprint = (await charlie.do("masterKey", charlie.userId)) ?? "";
    expect(await bot.command("trust", charlie.userId, "--key", fingerprint)).toMatchObject({ code: 0 });
    expect(await bot.job(roomId, charlie.userId, "reinvited")).toMatchObject({ reason: "already_inviter" });
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["for the person we know"]);
});

test("a room without encryption is refused, with the reason", async ({ bot, alice, charlie }) => {
    const roomId = await roomWithBot(alice, bot, { encrypted: false });

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);

    expect(await bot.job(roomId, charlie.userId, "refused")).toMatchObject({ reason: "room_not_encrypted" });
});

test("without the power to invite the job is held, and goes on when the power comes", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWithBot(alice, bot, { powerLevels: { invite: 50 } });
    await alice.do("send", roomId, "a message");

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    expect(await bot.job(roomId, charlie.userId, "held")).toMatchObject({ reason: "no_power_to_invite" });

    await alice.do("sendState", roomId, "m.room.power_levels", "", { users: { [bot.userId]: 50 }, invite: 50 });
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("with nothing to share the invite stays as it is", async ({ scene, alice }) => {
    const [charlie, silent] = [await scene.person("charlie"), await scene.bot({ CHAT_GREETING: "false" })];
    const roomId = await roomWithBot(alice, silent, { greeted: false });

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);

    expect(await silent.job(roomId, charlie.userId, "refused")).toMatchObject({ reason: "nothing_to_share" });
    expect(await charlie.do("membership", roomId, charlie.userId)).toMatchObject({
        membership: "invite",
        sender: alice.userId,
    });
});

test("paused: held, and resumed by a command", async ({ bot, alice, charlie }) => {
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");
    expect(await bot.command("pause", roomId)).toMatchObject({ code: 0 });

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    expect(await bot.job(roomId, charlie.userId, "held")).toMatchObject({ reason: "paused" });

    expect(await bot.command("resume", roomId)).toMatchObject({ code: 0 });
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("an invite that is withdrawn while its delivery waits stays withdrawn", async ({ bot, alice, charlie }) => {
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");
    await bot.command("pause", roomId);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await bot.job(roomId, charlie.userId, "held");

    await alice.do("kick", roomId, charlie.userId);
    expect(await bot.job(roomId, charlie.userId, "cancelled")).toMatchObject({ reason: "invite_withdrawn" });
    await bot.command("resume", roomId);

    expect(await bot.command("share", roomId, charlie.userId)).toMatchObject({ code: 1 });
    expect(await alice.do("membership", roomId, charlie.userId)).toMatchObject({
        membership: "leave",
        sender: alice.userId,
    });
});

test("an invite by somebody of a server that is not trusted waits for a human", async ({ scene, alice }) => {
    const [charlie, cautious] = [
        await scene.person("charlie"),
        await scene.bot({ SHARING_TRUSTED_SERVERS: "elsewhere.test" }),
    ];
    const roomId = await roomWithBot(alice, cautious);
    await alice.do("send", roomId, "a message");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);

    const held = await cautious.job(roomId, charlie.userId, "held");
    expect(held).toMatchObject({ reason: "inviter_server_not_trusted" });
    expect(await cautious.command("approve", held.id)).toMatchObject({ code: 0 });
    await reinvited(charlie, roomId, cautious);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});
