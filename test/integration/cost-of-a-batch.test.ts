import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, type DeviceOfUser, MegolmSender } from "../clients/index.ts";
import { commitsInLog, until } from "../process/index.ts";
import { Proxy } from "../proxy/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let proxy: Proxy;
let bot: Bot;
let alice: Client;
let roomId: string;
let devices: readonly DeviceOfUser[];

beforeAll(async () => {
    scene = await Scene.open();
    proxy = await Proxy.open(scene.synapse.url);
    [alice, bot] = await Promise.all([scene.person("alice"), scene.bot({ HOMESERVER_URL: proxy.url })]);
    roomId = await roomWithBot(alice, bot);
    devices = await alice.do("devices", bot.userId);
    // The first Olm message takes a one-time key, and so brings the batch of another count with it.
    await alice.do("sendToDevice", devices, "org.example.nothing", {});
    await alice.do("send", roomId, "a message");
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
});

interface Cost {
    readonly crypto: number;
    readonly backscroll: number;
    readonly batches: number;
}

/** What stands in the logs, seen from outside; a batch is over when the next is asked for. */
function now(): Cost {
    const commits = (name: string): number => commitsInLog(join(bot.dataFolder, `${name}.sqlite`));
    return { crypto: commits("crypto"), backscroll: commits("backscroll"), batches: proxy.count("GET /sync") };
}

/** Waits until nothing more is written: two looks in a row, with a command of the bot's in between, see the same. */
async function settled(): Promise<Cost> {
    let before = now();
    return await until("the bot to rest", async () => {
        await bot.command("status");
        const after = now();
        const same = JSON.stringify(before) === JSON.stringify(after) && after;
        before = after;
        return same;
    });
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
    const before = await settled();
    await work();
    await until("the batch", () => now().batches > before.batches);
    const after = await settled();
    return {
        crypto: after.crypto - before.crypto,
        backscroll: after.backscroll - before.backscroll,
        batches: after.batches - before.batches,
    };
}

/** The least of some batches: what a room covers is counted after a rest, and its commit may fall into any of them. */
async function leastCostOf(work: () => Promise<unknown>): Promise<Cost> {
    let least = await costOf(work);
    for (let n = 0; n < 4 && least.backscroll > 1; n++) {
        const cost = await costOf(work);
        if (cost.backscroll < least.backscroll) least = cost;
    }
    return least;
}

test("a batch with a to-device event costs one commit of each store", async () => {
    const cost = await leastCostOf(() => alice.do("sendToDevice", devices, "org.example.nothing", {}));
    expect(cost).toEqual({ crypto: 1, backscroll: 1, batches: 1 });
});

test("a batch with nothing for the machine costs one commit of the bot's own database", async () => {
    const visibilities = ["world_readable", "shared", "world_readable", "shared", "world_readable"];
    const cost = await leastCostOf(() =>
        alice.do("sendState", roomId, "m.room.history_visibility", "", { history_visibility: visibilities.pop() }),
    );
    expect(cost).toEqual({ crypto: 0, backscroll: 1, batches: 1 });
});

test("a room key costs no more of the crypto store; its room is counted anew, in a few commits of the bot's own database", async () => {
    const sender = new MegolmSender(alice, roomId);
    const cost = await costOf(() => sender.shareKey(devices, { shared_history: true }));
    expect(cost).toMatchObject({ crypto: 1, batches: 1 });
    expect(cost.backscroll).toBeLessThanOrEqual(4);
});

test("an encryption costs one commit, beside the answers that come before it", async () => {
    const commits: Record<string, number> = {};
    proxy.script = ({ endpoint }) => void (commits[endpoint] ??= now().crypto);
    const charlie = await scene.person("charlie");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    proxy.script = () => undefined;
    const between = (first: string, second: string): number =>
        (commits[second] ?? Number.NaN) - (commits[first] ?? Number.NaN);
    // The answer of the claim, and the encryption.
    expect(between("POST /keys/claim", "PUT /sendToDevice/m.room.encrypted/*")).toBe(2);
});
