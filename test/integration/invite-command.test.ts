import { expect } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, saidBy } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Scene } from "./scene.ts";
import { test as story } from "./story.ts";

const test = story.extend("bot", { scope: "file" }, async ({ scene }) => await scene.bot(settings));

const settings = { SHARING_REINVITE_PACE: "unlimited", CHAT_GREETING: "false" };

async function roomWithMessage(alice: Client, bot: Bot): Promise<string> {
    const roomId = await roomWithBot(alice, bot, { greeted: false });
    await alice.do("send", roomId, "said before");
    return roomId;
}

async function joinRule(alice: Client, roomId: string, rule: string): Promise<void> {
    await alice.do("sendState", roomId, "m.room.join_rules", "", { join_rule: rule });
}

test("the bot delivers and invites, once, and the newcomer reads", async ({ bot, alice, charlie }) => {
    const roomId = await roomWithMessage(alice, bot);
    const { code, answer } = await bot.command("invite", roomId, charlie.userId);
    expect([code, answer]).toEqual([0, expect.stringMatching(/^\d+$/)]);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before"]);
    expect(await charlie.do("bundlesReceived")).not.toHaveLength(0);
});

test("who came by a link leaves a row with an advice; told to leave only when everything is ready, they come back and read", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWithMessage(alice, bot);
    await joinRule(alice, roomId, "public");
    await charlie.do("request", "POST", `/join/${encodeURIComponent(roomId)}`, {});
    expect(await bot.job(roomId, charlie.userId, "refused")).toMatchObject({ reason: "joined_without_invite" });
    await joinRule(alice, roomId, "invite");
    expect(saidBy(alice, await charlie.do("timeline", roomId))).toEqual([null]);

    const { code, answer, output } = await bot.command("invite", roomId, charlie.userId);
    expect([code, output]).toEqual([0, expect.stringContaining("says when they can leave")]);
    await until(
        "the time to leave",
        async () => (await bot.status("--room", roomId)).jobs[0]?.reason === "waits_for_leave",
    );
    expect((await bot.command("status", "--job", answer.trim())).output).toContain(
        `Tell ${charlie.userId} to leave the room now`,
    );
    await charlie.do("leave", roomId);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before"]);
});

test("who knocks is let in with the history, and nobody else is accepted", async ({ scene, bot, alice }) => {
    const [charlie, dora] = [await scene.person("charlie"), await scene.person("dora")];
    const roomId = await roomWithMessage(alice, bot);
    await joinRule(alice, roomId, "knock");
    await charlie.do("request", "POST", `/knock/${encodeURIComponent(roomId)}`, {});
    await until("the knock", async () => (await bot.command("accept", roomId, charlie.userId)).code === 0);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before"]);
    expect(await bot.command("accept", roomId, dora.userId)).toMatchObject({
        code: 1,
        output: expect.stringContaining("does not knock"),
    });
});

// No two of these share a bot, and each waits long: they run side by side.
test.concurrent("on a server that accepts invites by itself the keys come before the join; no client opens them yet, and the reasons say so", async () => {
    await using automatic = await Scene.alone({ more: { auto_accept_invites: { enabled: true } } });
    const [own, anna, charlie, dora] = [
        await automatic.bot(settings),
        await automatic.person("anna"),
        await automatic.person("charlie"),
        await automatic.person("dora"),
    ];
    const roomId = await roomWithBot(anna, own, { greeted: false });
    await anna.do("send", roomId, "said before");
    expect(await own.command("invite", roomId, charlie.userId)).toMatchObject({ code: 0 });
    await until(
        "the join",
        async () => (await charlie.do("membership", roomId, charlie.userId))?.membership === "join",
    );
    await own.job(roomId, charlie.userId, "joined");
    await until("the bundle", async () => (await charlie.do("bundlesReceived")).length > 0);
    // matrix-js-sdk takes keys when it joins itself: the day on which this fails is a good one.
    expect(saidBy(anna, await charlie.do("timeline", roomId))).toEqual([null]);
    expect((await own.status("--room", roomId)).jobs[0]?.message).toContain(
        "unless their server accepted in their stead",
    );

    await anna.do("inviteWithoutSharing", roomId, dora.userId);
    const job = await own.job(roomId, dora.userId, "cancelled");
    expect(job.reason).toMatch(/^joined_(before_delivery|on_another_invite)$/);
    expect((await own.command("status", "--job", job.id)).output).toContain("`backscroll invite");
});

test.concurrent("an invite that the homeserver takes and does not make is told, and made when it lets the bot invite", async ({
    scene,
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomWithMessage(alice, bot);
    await scene.synapse.shadowBan(bot.userId, true);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await until("the reason", async () => (await bot.status("--room", roomId)).jobs[0]?.reason === "reinvite_ignored", {
        limitMs: 60_000,
    });
    expect(await charlie.do("membership", roomId, charlie.userId)).toMatchObject({ sender: alice.userId });
    await scene.synapse.shadowBan(bot.userId, false);
    expect(await bot.command("share", roomId, charlie.userId)).toMatchObject({ code: 0 });
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said before"]);
});

test.concurrent("on a server whose admins alone may invite, the job says so, and nobody is told to accept", async () => {
    await using strict = await Scene.alone({ more: { block_non_admin_invites: true } });
    const admin = await strict.device(await strict.synapse.register("admin", { admin: true }));
    const [own, charlie] = [await strict.bot(settings), await strict.person("charlie")];
    const roomId = await roomWithBot(admin, own, { greeted: false });
    await admin.do("send", roomId, "said before");
    await admin.do("inviteWithoutSharing", roomId, charlie.userId);
    await until(
        "the reason",
        async () => (await own.status("--room", roomId)).jobs[0]?.reason === "reinvite_forbidden",
        {
            limitMs: 60_000,
        },
    );
    const { output } = await own.command("status", "--user", charlie.userId);
    expect(output).toContain("refuses the bot's own invite");
    const [job] = (await own.status("--room", roomId)).jobs;
    expect((await own.command("status", "--job", job?.id ?? "")).output).toContain(
        `until then let ${charlie.userId} wait`,
    );
});
