import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, saidBy } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Proxy } from "../proxy/index.ts";
import { Scene } from "./scene.ts";

// A homeserver that says of its users what is malformed, or without end: played by the proxy, which changes their part
// of an answer.

let scene: Scene;
let proxy: Proxy;
let bot: Bot;
let alice: Client;
let mallory: Client;

beforeAll(async () => {
    scene = await Scene.open();
    proxy = await Proxy.open(scene.synapse.url);
    const settings = { HOMESERVER_URL: proxy.url, SHARING_REINVITE_PACE: "unlimited" };
    [bot, alice, mallory] = await Promise.all([scene.bot(settings), scene.person("alice"), scene.person("mallory")]);
});

afterEach(() => {
    proxy.script = () => undefined;
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
});

/** From now on answers of this endpoint have this in the user's place, wherever they speak of the user. */
function saysOf(userId: string, endpoint: "query" | "claim", section: string, part: unknown): void {
    proxy.script = (request) => {
        if (request.endpoint !== `POST /keys/${endpoint}`) return undefined;
        return {
            kind: "rewrite",
            rewrite: (answer) => {
                const names = Object.hasOwn(answer[section] ?? {}, userId);
                return names ? { ...answer, [section]: { ...answer[section], [userId]: part } } : answer;
            },
        };
    };
}

/** A room with Alice, Mallory and the bot, which has greeted them if its answers for keys are any good. */
async function roomWithMallory(): Promise<string> {
    const roomId = await alice.do("createRoom", { name: "a room" });
    await alice.do("inviteWithoutSharing", roomId, mallory.userId);
    await mallory.do("join", roomId);
    await alice.do("inviteWithoutSharing", roomId, bot.userId);
    await until("the greeting", async () => saidBy(bot, await alice.do("timeline", roomId)).length > 0);
    await alice.do("send", roomId, "a message");
    return roomId;
}

const warning = "left malformed parts out of an answer for keys";

test.each<[string, string, unknown]>([
    ["devices that are a number", "device_keys", 5],
    ["a master key that is a number", "master_keys", 5],
])(
    "a member whose homeserver names %s: the room is greeted, others are served, and the bot can be started again",
    async (_, section, part) => {
        // Before the bot has ever asked for her.
        mallory = await scene.person("mallory");
        saysOf(mallory.userId, "query", section, part);
        const roomId = await roomWithMallory();
        await scene.newcomerReads(alice, bot, roomId, ["a message"]);

        const line = await bot.process.line((said) => said.includes(warning) && said.includes(mallory.userId));
        expect(JSON.parse(line)).toMatchObject({ operation: "keys_query", count: 1, users: [mallory.userId] });

        expect(await bot.stop()).toEqual({ code: 0, signal: null });
        await bot.run();
        await scene.newcomerReads(alice, bot, roomId, ["a message"]);
    },
);

test("a member whose one-time keys are malformed: everybody else reads the greeting", async () => {
    mallory = await scene.person("mallory");
    const [device] = await mallory.do("devices", mallory.userId);
    saysOf(mallory.userId, "claim", "one_time_keys", { [device?.deviceId ?? ""]: { withoutColon: { key: "x" } } });
    const roomId = await roomWithMallory();
    const line = await bot.process.line((said) => said.includes(warning) && said.includes(mallory.userId));
    expect(JSON.parse(line)).toMatchObject({ operation: "keys_claim", users: [mallory.userId] });
    await scene.newcomerReads(alice, bot, roomId, ["a message"]);
});

test("an invitee whose own part is malformed waits, and is served when it is not any more; who is invited beside them is served at once", async () => {
    const [charlie, dora] = [await scene.person("charlie"), await scene.person("dora")];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");
    saysOf(charlie.userId, "query", "device_keys", { PHONE: { user_id: 5 }, "": {} });
    await Promise.all([charlie, dora].map(async (one) => await alice.do("inviteWithoutSharing", roomId, one.userId)));
    await reinvited(dora, roomId, bot);
    expect(await bot.job(roomId, charlie.userId, "queued")).toMatchObject({
        reason: "invitee_server_unreachable",
        devices: [],
    });

    proxy.script = () => undefined;
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

test.each([
    ["three hundred and one devices", 301],
    ["twenty thousand devices", 20_000],
])("an invitee with %s is held, at a second start, too; with fewer, and approved, they are served", async (_, many) => {
    const [charlie, dora] = [await scene.person("charlie"), await scene.person("dora")];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");
    saysOf(charlie.userId, "query", "device_keys", devicesOf(charlie.userId, many));
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    expect(await bot.job(roomId, charlie.userId, "held")).toMatchObject({ reason: "too_many_devices", devices: [] });

    expect(await bot.stop()).toEqual({ code: 0, signal: null });
    await bot.run();
    await alice.do("inviteWithoutSharing", roomId, dora.userId);
    await reinvited(dora, roomId, bot);
    const { id, reason } = await bot.job(roomId, charlie.userId, "held");
    expect(reason).toBe("too_many_devices");

    proxy.script = () => undefined;
    expect(await bot.command("approve", id)).toMatchObject({ code: 0 });
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

/** Devices of the size of cross-signed ones. */
function devicesOf(userId: string, many: number): Readonly<Record<string, object>> {
    const key = "A".repeat(43);
    return Object.fromEntries(
        Array.from({ length: many }, (_, number) => {
            const deviceId = `DEVICE${number}`;
            const keys = { [`curve25519:${deviceId}`]: key, [`ed25519:${deviceId}`]: key };
            const signatures = {
                [userId]: { [`ed25519:${deviceId}`]: "A".repeat(86), [`ed25519:${key}`]: "A".repeat(86) },
            };
            return [
                deviceId,
                {
                    user_id: userId,
                    device_id: deviceId,
                    algorithms: ["m.olm.v1.curve25519-aes-sha2"],
                    keys,
                    signatures,
                },
            ];
        }),
    );
}
