import { expect } from "vitest";
import { reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, MegolmSender } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { test as story } from "./story.ts";

// Nothing is limited on this homeserver.
const test = story.extend(
    "bot",
    { scope: "file" },
    async ({ scene }) =>
        await scene.bot({ SHARING_REINVITE: "always", SHARING_REINVITE_PACE: "unlimited", CHAT_GREETING: "false" }),
);

const at = (roomId: string) => `/rooms/${encodeURIComponent(roomId)}`;

async function ban(alice: Client, roomId: string, userId: string): Promise<void> {
    await alice.do("request", "POST", `${at(roomId)}/ban`, { user_id: userId });
}

async function joined(alice: Client, roomId: string, client: Client): Promise<Client> {
    await alice.do("inviteWithoutSharing", roomId, client.userId);
    await client.do("join", roomId);
    return client;
}

async function memberEvent(alice: Client, roomId: string, userId: string): Promise<string> {
    const path = `${at(roomId)}/state/m.room.member/${encodeURIComponent(userId)}?format=event`;
    const { event_id: eventId } = (await alice.do("request", "GET", path)) as { readonly event_id: string };
    return eventId;
}

test("an inviter is banned while the invitee has no identity yet: nothing is sent when they have one, until a person approves", async ({
    scene,
    alice,
    bot,
}) => {
    const [mallory, eve] = [await scene.person("mallory"), await scene.person("eve", "none")];
    const roomId = await roomWithBot(alice, bot, { greeted: false });
    await alice.do("send", roomId, "a message");
    await joined(alice, roomId, mallory);
    await mallory.do("inviteWithoutSharing", roomId, eve.userId);
    await bot.job(roomId, eve.userId, "reinvited");

    await ban(alice, roomId, mallory.userId);
    const held = await bot.job(roomId, eve.userId, "held");
    expect(held).toMatchObject({ reason: "inviter_removed", inviter: mallory.userId });
    await eve.do("resetIdentity");
    // The bot is there for others, and what it has for Eve would have come before theirs.
    await scene.newcomerReads(alice, bot, roomId, ["a message"]);
    expect(await eve.do("bundlesReceived")).toEqual([]);
    expect(await bot.command("share", roomId, eve.userId)).toMatchObject({ code: 1 });

    const { id } = await bot.job(roomId, eve.userId, "held");
    expect(await bot.command("approve", id)).toMatchObject({ code: 0 });
    await until("the keys", async () => (await eve.do("bundlesReceived")).length > 0);
    await eve.do("join", roomId);
    await eve.reads(roomId, ["a message"]);
});

test("an invite that the bot finds when it joins, of somebody who was banned before, waits for a person", async ({
    scene,
    alice,
    bot,
}) => {
    const [mallory, eve] = [await scene.person("mallory"), await scene.person("eve")];
    const roomId = await alice.do("createRoom", { name: "a room" });
    await joined(alice, roomId, mallory);
    await mallory.do("inviteWithoutSharing", roomId, eve.userId);
    await ban(alice, roomId, mallory.userId);
    await alice.do("inviteWithoutSharing", roomId, bot.userId);
    await until(
        "the bot to join",
        async () => (await alice.do("membership", roomId, bot.userId))?.membership === "join",
    );
    await alice.do("send", roomId, "a message");

    const held = await bot.job(roomId, eve.userId, "held");
    expect(held).toMatchObject({ reason: "inviter_removed" });
    expect(await eve.do("membership", roomId, eve.userId)).toMatchObject({ sender: mallory.userId });
    expect(await eve.do("bundlesReceived")).toEqual([]);
});

test("an inviter who has left by themselves had the right: their invitee reads, and the job's story says so", async ({
    scene,
    alice,
    bot,
}) => {
    const [dora, charlie] = [await scene.person("dora"), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, bot, { greeted: false });
    await alice.do("send", roomId, "a message");
    await joined(alice, roomId, dora);
    await bot.command("pause", roomId);
    await dora.do("inviteWithoutSharing", roomId, charlie.userId);
    await bot.job(roomId, charlie.userId, "held");
    await dora.do("leave", roomId);
    await until(
        "the bot to see it",
        async () => (await alice.do("membership", roomId, dora.userId))?.membership === "leave",
    );
    await bot.command("resume", roomId);

    await reinvited(charlie, roomId, bot);
    const { id } = await bot.job(roomId, charlie.userId, "reinvited");
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
    expect((await bot.command("status", "--job", id)).answer).toContain("The inviter has left the room since.");
});

test("a mark that a member writes into an invite of their own keeps nobody from being served", async ({
    scene,
    alice,
    bot,
}) => {
    const [mallory, charlie] = [await scene.person("mallory"), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, bot, { greeted: false });
    await alice.do("send", roomId, "a message");
    await joined(alice, roomId, mallory);
    await bot.command("pause", roomId);
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await bot.job(roomId, charlie.userId, "held");
    const mark = { "org.backscroll.reinvite": { event_id: await memberEvent(alice, roomId, charlie.userId) } };
    await mallory.do("sendState", roomId, "m.room.member", charlie.userId, { membership: "invite", ...mark });
    await until(
        "the forged invite",
        async () => (await bot.status("--room", roomId)).jobs[0]?.inviter === mallory.userId,
    );

    await bot.command("resume", roomId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test("who was asked in and declined, or was banned, before the bot came or since, has no session in a bundle; who spoke and left has", async ({
    scene,
    alice,
    bot,
}) => {
    const [charlie, dora, early, banned, late] = await Promise.all(
        ["charlie", "dora", "early", "banned", "late"].map((name) => scene.person(name)),
    );
    if (
        charlie === undefined ||
        dora === undefined ||
        early === undefined ||
        banned === undefined ||
        late === undefined
    )
        return;
    // A room of their own makes their clients know the bot's devices.
    for (const one of [dora, early, banned, late])
        await one.do("send", await roomWithBot(one, bot, { greeted: false }), "hello");
    const devices = await alice.do("devices", bot.userId);
    const roomId = await alice.do("createRoom", { name: "a room" });
    await joined(alice, roomId, dora);
    const doras = new MegolmSender(dora, roomId);
    await doras.shareKey(devices, { "m.shared_history": true });
    await doras.send("said by Dora");
    await dora.do("leave", roomId);
    await decline(alice, roomId, early);
    await ban(alice, roomId, banned.userId);
    await alice.do("inviteWithoutSharing", roomId, bot.userId);
    await until(
        "the bot to join",
        async () => (await alice.do("membership", roomId, bot.userId))?.membership === "join",
    );
    await decline(alice, roomId, late);
    await alice.do("send", roomId, "said by Alice");

    for (const stranger of [early, banned, late])
        await new MegolmSender(stranger, roomId).shareKey(devices, { "m.shared_history": true });
    // To-device messages come in the order in which they were sent.
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "said by Alice after them");
    await until("the keys, and the room's beginning", async () => {
        const room = (await bot.status("--room", roomId)).rooms[0];
        return room?.sessions.shareable === 3 && room.coverage?.reach === "start" && room.coverage.covered === 3;
    });

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    const { answer } = await bot.command("audit", "--json", "--room", roomId, "--user", charlie.userId);
    expect((JSON.parse(answer) as { deliveries: unknown[] }).deliveries).toMatchObject([{ sessions: 3 }]);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said by Dora", "said by Alice", "said by Alice after them"]);
});

async function decline(alice: Client, roomId: string, client: Client): Promise<void> {
    await alice.do("inviteWithoutSharing", roomId, client.userId);
    await until(
        "the invite",
        async () => (await client.do("membership", roomId, client.userId))?.membership === "invite",
    );
    await client.do("leave", roomId);
}
