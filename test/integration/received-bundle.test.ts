import { afterAll, beforeAll, expect, test } from "vitest";
import { randomBytes } from "node:crypto";
import { Bot, reinvited } from "../bot/index.ts";
import { type Client, giveBundle, MegolmSession, saidBy } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Proxy } from "../proxy/index.ts";
import type { SynapseUser } from "../synapse/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let alice: Client;
let bob: Client;
let alicesLogin: SynapseUser;
let bobsLogin: SynapseUser;

beforeAll(async () => {
    scene = await Scene.open();
    [alicesLogin, bobsLogin] = [await scene.user("alice"), await scene.user("bob")];
    [alice, bob] = await Promise.all([scene.device(alicesLogin), scene.device(bobsLogin)]);
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

/** A room in which Alice and Bob have talked, in two sessions of hers and one of his. */
async function roomWithPast(): Promise<string> {
    const roomId = await alice.do("createRoom", { name: "a room with a past" });
    await alice.do("send", roomId, "the first word");
    await alice.do("inviteWithSharing", roomId, bob.userId);
    await bob.do("join", roomId);
    await bob.do("send", roomId, "Bob's word");
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "the last word before the bot");
    await alice.reads(roomId, ["Bob's word"]);
    return roomId;
}

const past = ["the first word", "Bob's word", "the last word before the bot"];

/** A bundle with whatever somebody likes in it. */
async function give(from: Client, bot: Bot, roomId: string, roomKeys: readonly object[]): Promise<void> {
    const giver = { synapse: scene.synapse, user: from === alice ? alicesLogin : bobsLogin, client: from };
    await giveBundle(giver, await from.do("devices", bot.userId), { roomId, roomKeys });
}

async function keysOf(
    person: Client,
    roomId: string,
): Promise<Awaited<ReturnType<typeof person.do<"exportRoomKeys">>>> {
    return (await person.do("exportRoomKeys")).filter((key) => key.room_id === roomId);
}

/** A key that Alice has never made, in her name; with a session's ID, one that is not that session's. */
async function madeUpKey(roomId: string, sessionId?: string): Promise<object> {
    const { curve25519, ed25519 } = await alice.do("ownKeys");
    const session = new MegolmSession();
    const id = sessionId === undefined ? undefined : Buffer.from(sessionId, "base64");
    const forged = Buffer.concat([Buffer.of(1, 0, 0, 0, 0), randomBytes(128), id ?? Buffer.alloc(0)]);
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: roomId,
        sender_key: curve25519,
        sender_claimed_keys: { ed25519 },
        session_id: sessionId ?? session.id,
        session_key: id === undefined ? session.exportedKey : forged.toString("base64").replaceAll("=", ""),
    };
}

type Shown = Awaited<ReturnType<Bot["status"]>>["rooms"][number];

async function shows(bot: Bot, roomId: string, expected: object): Promise<Shown> {
    let shown: Shown | undefined;
    try {
        return await until("the room's status", async () => {
            [shown] = (await bot.status("--room", roomId)).rooms;
            if (shown === undefined) return false;
            try {
                expect(shown).toMatchObject(expected);
                return shown;
            } catch {
                return false;
            }
        });
    } catch (cause) {
        throw new Error(`status shows ${JSON.stringify(shown)}; the bot's log:\n${bot.process.output}`, { cause });
    }
}

test("what was said before the bot came is read by whoever comes later, through the bundle of whoever invited the bot", async () => {
    const [bot, charlie] = await Promise.all([scene.bot(), scene.person("charlie")]);
    const roomId = await roomWithPast();
    await alice.do("inviteWithSharing", roomId, bot.userId);
    const shown = await shows(bot, roomId, {
        received_bundle: { from: alice.userId, state: "taken", keys: 3, reason: null },
        coverage: { complete: true },
        problems: [],
    });
    expect(shown.received_bundle?.message).toBe(
        `was given the keys of 3 sessions by ${alice.userId}, who invited the bot.`,
    );
    expect((await bot.command("status", "--room", roomId)).output).toContain(
        `was given the keys of 3 sessions by ${alice.userId}`,
    );

    const greeting = await until("the greeting", async () => saidBy(bot, await alice.do("timeline", roomId))[0]);
    expect(greeting).toContain("I can hand on what was written since 20");

    await alice.do("send", roomId, "said to the bot, too");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, [...past, "said to the bot, too"]);
});

test("a bundle that comes when the bot is in the room already is taken, and one of somebody who did not invite it is not", async () => {
    const bot = await scene.bot();
    const roomId = await roomWithPast();
    await alice.do("inviteWithoutSharing", roomId, bot.userId);
    await shows(bot, roomId, { received_bundle: { from: alice.userId, state: "waiting" } });
    await give(bob, bot, roomId, [await madeUpKey(roomId)]);
    await bot.process.line((line) => line.includes("left room key bundles unopened") && line.includes(bob.userId));
    // The one session is that of the bot's own greeting.
    const shown = await shows(bot, roomId, { received_bundle: { state: "waiting" }, sessions: { shareable: 1 } });
    expect(shown.received_bundle).toMatchObject({ from: alice.userId, keys: 0 });

    await give(alice, bot, roomId, await keysOf(alice, roomId));
    await shows(bot, roomId, { received_bundle: { state: "taken" }, coverage: { complete: true } });
});

test("an inviter's made-up key of a session that the bot holds changes nothing", async () => {
    const [bot, charlie] = await Promise.all([scene.bot({ SHARING_REINVITE: "always" }), scene.person("charlie")]);
    const roomId = await roomWithPast();
    await bob.do("inviteWithoutSharing", roomId, bot.userId);
    await shows(bot, roomId, { received_bundle: { from: bob.userId, state: "waiting" } });
    // Before her client knows of the bot it would give it no key.
    await until("Alice to hear the bot", async () => saidBy(bot, await alice.do("timeline", roomId)).length > 0);
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "with a real key");
    await until(
        "the bot to have it",
        async () => (await bot.status("--room", roomId)).rooms[0]?.sessions.shareable === 2,
    );
    const { curve25519 } = await alice.do("ownKeys");
    const hers = (await keysOf(bob, roomId)).filter((key) => key.sender_key === curve25519);
    await give(bob, bot, roomId, await Promise.all(hers.map((key) => madeUpKey(roomId, key.session_id))));
    const shown = await shows(bot, roomId, { received_bundle: { from: bob.userId, state: "taken" } });
    // Of sessions of which the bot has nothing, Bob's word is all that there is; of hers that it has, his cannot be
    // better.
    expect([hers.length, shown.received_bundle?.keys]).toEqual([3, 3]);

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["with a real key"]);
});

test("a bot that is killed between the download and the import takes the bundle when it is started again", async () => {
    await using proxy = await Proxy.open(scene.synapse.url);
    const user = await scene.user("backscroll");
    await using bot = new Bot(scene.synapse, user, { HOMESERVER_URL: proxy.url });
    await bot.runFragile();
    const charlie = await scene.person("charlie");
    const isDownload = ({ endpoint }: { readonly endpoint: string }): boolean =>
        endpoint.startsWith("GET /media/download");
    proxy.script = async (request) => {
        if (!isDownload(request)) return undefined;
        // The worker, which would import it, is busy from now on.
        bot.harmWorker("stuck");
        await bot.workerHarmed();
        return undefined;
    };
    const roomId = await roomWithPast();
    await alice.do("inviteWithSharing", roomId, bot.userId);
    await until("the download", () => proxy.exchanges.find(isDownload)?.answered !== undefined);
    await bot.kill();
    proxy.script = () => undefined;
    expect((await bot.status("--room", roomId)).rooms[0]?.received_bundle).toMatchObject({ state: "waiting", keys: 0 });

    await bot.run();
    await shows(bot, roomId, { received_bundle: { state: "taken", keys: 3 }, coverage: { complete: true } });
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, past);
});
