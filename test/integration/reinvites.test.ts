import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { TemporaryFolder, until } from "../process/index.ts";
import type { Proxy } from "../proxy/index.ts";
import type { Scene } from "./scene.ts";
import { test as story } from "./story.ts";

// Nothing is limited on this homeserver.
const test = story.extend(
    "bot",
    { scope: "file" },
    async ({ scene, proxy }) =>
        await scene.bot({ HOMESERVER_URL: proxy.url, SHARING_REINVITE_PACE: "unlimited", CHAT_GREETING: "false" }),
);

test.afterEach(({ proxy }) => {
    proxy.script = () => undefined;
});

/** A room with the bot and one message. */
async function roomOf(alice: Client, bot: Bot, admin = alice): Promise<string> {
    const roomId = await roomWithBot(admin, bot, { greeted: false });
    await admin.do("send", roomId, "a message");
    return roomId;
}

/** Does something once, when the bot's re-invite has left the bot and not reached the homeserver. */
function beforeTheReinvite(proxy: Proxy, userId: string, happens: () => Promise<unknown>): void {
    let happened = false;
    proxy.script = async ({ method, path }) => {
        if (happened || method !== "PUT" || !path.endsWith(`/state/m.room.member/${userId}`)) return undefined;
        happened = true;
        await happens();
        return undefined;
    };
}

/** Who has invited this user into the room, in order. */
async function inviters(alice: Client, roomId: string, userId: string): Promise<readonly string[]> {
    const query = new URLSearchParams({ dir: "f", limit: "200", filter: JSON.stringify({ types: ["m.room.member"] }) });
    const { chunk } = (await alice.do(
        "request",
        "GET",
        `/rooms/${encodeURIComponent(roomId)}/messages?${query.toString()}`,
    )) as {
        chunk: readonly {
            readonly sender: string;
            readonly state_key: string;
            readonly content: { readonly membership: string };
        }[];
    };
    return chunk
        .filter((event) => event.state_key === userId && event.content.membership === "invite")
        .map(({ sender }) => sender);
}

/** Two further bots, of which each knows the other or not, in a room with one message. */
async function twoBots(
    scene: Scene,
    alice: Client,
    knowEachOther: boolean,
): Promise<{ readonly bots: readonly [Bot, Bot]; readonly roomId: string }> {
    const users = [await scene.user("backscroll"), await scene.user("backscroll")] as const;
    const settings = (other: string) => ({
        SHARING_REINVITE_PACE: "unlimited",
        CHAT_GREETING: "false",
        ...(knowEachOther ? { SHARING_OTHER_BOTS: other } : {}),
    });
    const bots = await Promise.all([
        scene.botOf(users[0], settings(users[1].userId)),
        scene.botOf(users[1], settings(users[0].userId)),
    ]);
    const roomId = await roomWithBot(alice, bots[0], { greeted: false });
    await alice.do("inviteWithoutSharing", roomId, bots[1].userId);
    await until(
        "the other to join",
        async () => (await alice.do("membership", roomId, bots[1].userId))?.membership === "join",
    );
    await alice.do("send", roomId, "a message");
    return { bots, roomId };
}

test("two bots that know each other leave each other's invites alone", async ({ scene, alice, charlie }) => {
    const { bots: two, roomId } = await twoBots(scene, alice, true);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);

    // Where both have invited in the same moment, each learns of it from its sync.
    const jobs = await until("one of them to be the inviter of record", async () => {
        const newest = await Promise.all(
            two.map(async (one) => await one.job(roomId, charlie.userId, "reinvited", "refused")),
        );
        return newest[0]?.state !== newest[1]?.state && newest;
    });
    expect(jobs.map(({ state }) => state).toSorted()).toEqual(["refused", "reinvited"]);
    const [human, ...bots] = await inviters(alice, roomId, charlie.userId);
    expect(human).toBe(alice.userId);
    expect(bots.length).toBeLessThanOrEqual(2);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("two bots that do not know each other stop, and one says whom to name", async ({ scene, alice, charlie }) => {
    const { bots, roomId } = await twoBots(scene, alice, false);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);

    const told = await until("one of them to stop", async () => {
        const newest = await Promise.all(bots.map(async (one) => (await one.status("--room", roomId)).jobs[0]));
        return newest.find((job) => job?.reason === "other_bot_not_listed");
    });
    expect(bots.map(({ userId }) => userId)).toContain(told.inviter);
    expect(told.message).toContain(`Namely: ${told.inviter}.`);
    // The first of a human, and two of each at most.
    expect((await inviters(alice, roomId, charlie.userId)).length).toBeLessThanOrEqual(5);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("a bot that takes every other's place is followed three times, and then has it", async ({ scene, bot, alice }) => {
    const [peer, charlie] = [await scene.person("peer"), await scene.user("charlie")];
    const charlies = await scene.device(charlie);
    const roomId = await roomOf(alice, bot);
    const byBot = async () => (await inviters(alice, roomId, charlie.userId)).filter((sender) => sender === bot.userId);
    await alice.do("inviteWithoutSharing", roomId, peer.userId);
    await peer.do("join", roomId);
    for (let round = 1; round <= 3; round += 1) {
        await peer.do("inviteWithoutSharing", roomId, charlie.userId);
        await until("the bot to follow", async () => (await byBot()).length === round);
    }
    await peer.do("inviteWithoutSharing", roomId, charlie.userId);
    await until(
        "the bot to give in",
        async () => (await bot.status("--room", roomId)).jobs[0]?.reason === "reinvited_often",
    );
    expect(await byBot()).toHaveLength(3);
    expect(await charlies.do("membership", roomId, charlie.userId)).toMatchObject({
        membership: "invite",
        sender: peer.userId,
    });
});

test("somebody whom two people invite at once is served, whoever was the last", async ({ scene, bot, alice }) => {
    const [dora, charlie] = [await scene.person("dora"), await scene.person("charlie")];
    const roomId = await roomOf(alice, bot);
    await alice.do("inviteWithoutSharing", roomId, dora.userId);
    await dora.do("join", roomId);
    await Promise.all([alice, dora].map(async (one) => await one.do("inviteWithoutSharing", roomId, charlie.userId)));
    await bot.job(roomId, charlie.userId, "reinvited");
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("a bot that loses its power at the very instant of the re-invite waits for it, and goes on when it has it again", async ({
    proxy,
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomOf(alice, bot);
    const power = (level: number) =>
        alice.do("sendState", roomId, "m.room.power_levels", "", { invite: 50, users: { [bot.userId]: level } });
    await power(50);
    beforeTheReinvite(proxy, charlie.userId, () => power(0));
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    expect(await bot.job(roomId, charlie.userId, "held")).toMatchObject({ reason: "no_power_to_invite" });
    expect(await inviters(alice, roomId, charlie.userId)).toEqual([alice.userId]);

    await power(50);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("a bot that is thrown out at the very instant of the re-invite does nothing more, and goes on when it is invited back", async ({
    proxy,
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomOf(alice, bot);
    beforeTheReinvite(proxy, charlie.userId, () => alice.do("kick", roomId, bot.userId));
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    expect(await bot.job(roomId, charlie.userId, "cancelled")).toMatchObject({ reason: "bot_left" });
    expect(await inviters(alice, roomId, charlie.userId)).toEqual([alice.userId]);

    await alice.do("inviteWithoutSharing", roomId, bot.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("who declined reads when a human invites them again: a decline binds nobody who is asked anew", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomOf(alice, bot);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("leave", roomId);
    await alice.do("send", roomId, "another message");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    expect(await inviters(alice, roomId, charlie.userId)).toEqual([alice.userId, bot.userId, alice.userId, bot.userId]);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["another message"]);
});

test("who was removed, and who has left, is served when they are invited again", async ({ bot, alice, charlie }) => {
    const roomId = await roomOf(alice, bot);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await alice.do("kick", roomId, charlie.userId);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await bot.job(roomId, charlie.userId, "reinvited");
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.do("leave", roomId);
    await alice.do("send", roomId, "another message");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["another message"]);
});

test("a direct chat is left to its two people until somebody asks, and stays a direct chat then", async ({
    bot,
    alice,
    charlie,
}) => {
    const roomId = await roomOf(alice, bot);
    const content = { membership: "invite", is_direct: true };
    await alice.do("sendState", roomId, "m.room.member", charlie.userId, content);
    await until("the delivery", async () => (await bot.status("--room", roomId)).jobs[0]?.reason === "direct_chat");
    expect(await inviters(alice, roomId, charlie.userId)).toEqual([alice.userId]);

    expect(await bot.command("share", roomId, charlie.userId)).toMatchObject({ code: 0 });
    await reinvited(charlie, roomId, bot);
    expect(await charlie.do("membership", roomId, charlie.userId)).toMatchObject({ content: { is_direct: true } });
});

test("in a room that is older than the bot the inviter's own sharing is left alone, until the bot has the keys, too", async ({
    bot,
    alice,
    charlie,
}) => {
    using folder = new TemporaryFolder("reinvites");
    const roomId = await alice.do("createRoom", { name: "an older room" });
    for (const text of ["one", "two", "three"]) await alice.do("send", roomId, text);
    await alice.do("rotateSession", roomId);
    await alice.do("inviteWithoutSharing", roomId, bot.userId);
    await until(
        "the bot to join",
        async () => (await alice.do("membership", roomId, bot.userId))?.membership === "join",
    );
    await alice.do("send", roomId, "four");
    await alice.do("inviteWithSharing", roomId, charlie.userId);
    await until(
        "the delivery",
        async () => (await bot.status("--room", roomId)).jobs[0]?.reason === "coverage_incomplete",
    );
    expect(await inviters(alice, roomId, charlie.userId)).toEqual([alice.userId]);

    const file = join(folder.path, "keys.json");
    writeFileSync(file, JSON.stringify(await alice.do("exportRoomKeys")), { mode: 0o600 });
    expect(await bot.command("import-keys", file)).toMatchObject({ code: 0 });
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["one", "two", "three", "four"]);
});
