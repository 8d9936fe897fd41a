import { afterEach, beforeEach, expect, test } from "vitest";
import { BOT, inThisThread, temporaryStore, TestBot } from "./machine/testing/bot.ts";
import { KeyServer } from "./machine/testing/key-server.ts";
import { Peer } from "./machine/testing/peer.ts";
import { guardOwnIdentity, type OwnIdentity } from "./own-identity.ts";
import type { CryptoPort, OutgoingRequest } from "./port.ts";

const roomId = "!room:home";

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;
let alice: Peer;
let masterKey: string;
let heard: OwnIdentity[];

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    heard = [];
    const start = new TestBot(await inThisThread(store.path), server);
    await start.publish();
    masterKey = (await start.crypto.account()).masterKey ?? "";
    await start.crypto.close();
    // The next start, which has found everything in order.
    bot = new TestBot(guarded(await inThisThread(store.path)), server);
    await bot.query(BOT.userId);
    alice = await Peer.join(server, "@alice:home", "ALICE");
    await bot.crypto.trackUsers([alice.userId]);
    await bot.outgoing.flush();
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

const guarded = (crypto: CryptoPort): CryptoPort =>
    guardOwnIdentity(crypto, { ...BOT, masterKey }, (identity) => heard.push(identity));

/** Another client of the bot's account. */
const another = (): Promise<Peer> => Peer.join(server, BOT.userId, "ANOTHER", { crossSigned: false });

/** The sync says that our own devices have changed, and what the machine asks then is asked. */
async function synced(): Promise<void> {
    await bot.receiveChanges({ deviceLists: { changed: [BOT.userId], left: [] } });
    await bot.outgoing.flush();
}

/** As the homeserver would answer, and changed. */
async function answered(change: (answer: Record<string, Record<string, unknown>>) => object): Promise<void> {
    const request = await bot.crypto.keysQuery([BOT.userId]);
    const honest = JSON.parse(server.answer(BOT.userId, BOT.deviceId, request)) as Record<
        string,
        Record<string, unknown>
    >;
    await bot.crypto.markSent(request, JSON.stringify(change(honest)));
}

test("a start that found all in order hears so", () => {
    expect(new Set(heard.map(({ state }) => state))).toEqual(new Set(["ours"]));
});

test("another client replaces our identity: the next answer about ourselves tells, and names the new one", async () => {
    const other = await another();
    await other.resetIdentity();
    await synced();
    const { keys } = JSON.parse((await other.machine.getIdentity(other.machine.userId))?.masterKey ?? "{}") as {
        keys: object;
    };
    const [published] = Object.values(keys) as string[];
    expect(published).not.toBe(masterKey);
    expect(heard.at(-1)).toEqual({ state: "replaced", masterKey: published });
});

test("the machine keeps our identity and its private keys, and still encrypts: admins can be told", async () => {
    await (await another()).resetIdentity();
    await synced();
    expect(await bot.crypto.account()).toMatchObject({ masterKey, canSign: true });
    await bot.outgoing.claim([alice.userId]);
    expect(await bot.crypto.shareRoomKey(roomId, [alice.userId], "joined")).toHaveLength(1);
});

test("an answer about others and ourselves teaches the machine of the others", async () => {
    const bob = await Peer.join(server, "@bob:home", "BOB");
    await (await another()).resetIdentity();
    const request = await bot.crypto.keysQuery([BOT.userId, bob.userId]);
    await bot.crypto.markSent(request, server.answer(BOT.userId, BOT.deviceId, request));
    expect(heard.at(-1)).toMatchObject({ state: "replaced" });
    expect(await bot.keysOf(bob.userId)).toMatchObject({
        masterKey: expect.any(String),
        devices: [{ deviceId: "BOB", crossSigned: true }],
    });
});

test("it is ours again when the homeserver publishes it again", async () => {
    const published: OutgoingRequest = await bot.crypto.keysQuery([BOT.userId]);
    const before = server.answer(BOT.userId, BOT.deviceId, published);
    await (await another()).resetIdentity();
    await synced();
    await answered(() => JSON.parse(before) as object);
    expect(heard.at(-1)).toEqual({ state: "ours" });
    expect(await bot.crypto.account()).toMatchObject({ masterKey, canSign: true, crossSigned: true });
});

test("an identity that is not published any more is gone", async () => {
    await answered((answer) => ({ ...answer, master_keys: {}, self_signing_keys: {}, user_signing_keys: {} }));
    expect(heard.at(-1)).toEqual({ state: "gone" });
});

test("a device that our identity does not sign any more is unsigned, and signed again when the signature is there", async () => {
    await answered(({ device_keys: keys, ...rest }) => ({
        ...rest,
        device_keys: { [BOT.userId]: withoutSignature(keys?.[BOT.userId]) },
    }));
    expect(heard.at(-1)).toEqual({ state: "unsigned" });
    await synced();
    expect(heard.at(-1)).toEqual({ state: "ours" });
});

test.each<[string, (answer: Record<string, Record<string, unknown>>) => object]>([
    ["an answer that leaves us out", (answer) => ({ ...answer, device_keys: {}, master_keys: {} })],
    [
        "an answer that could not be had of us",
        () => ({ device_keys: {}, failures: { [BOT.userId]: { fault: "malformed" } } }),
    ],
    ["an answer without our device", (answer) => ({ ...answer, device_keys: { [BOT.userId]: {} }, master_keys: {} })],
    [
        "another identity without our device",
        ({ master_keys: keys }) => ({ device_keys: {}, master_keys: foreign(keys) }),
    ],
    ["an answer that is no list of keys", () => []],
])("%s says nothing of our identity, and takes nothing from it", async (_, change) => {
    heard.length = 0;
    await answered(change).catch(() => undefined);
    expect(heard).toEqual([]);
    expect(await bot.crypto.account()).toMatchObject({ masterKey, canSign: true, crossSigned: true });
});

test("what cannot be written down leaves the question open: the machine asks again", async () => {
    const crypto = guardOwnIdentity(bot.crypto, { ...BOT, masterKey }, () => {
        throw new Error("the disk is full");
    });
    await (await another()).resetIdentity();
    await bot.receiveChanges({ deviceLists: { changed: [BOT.userId], left: [] } });
    const query = async () => (await crypto.outgoing()).find(({ kind }) => kind === "keys_query");
    const request = await query();
    if (request === undefined) throw new Error("nobody is asked for");
    await expect(crypto.markSent(request, server.answer(BOT.userId, BOT.deviceId, request))).rejects.toThrow(
        "the disk is full",
    );
    expect(await query()).toMatchObject({ body: expect.stringContaining(BOT.userId) });
});

/** Our device's keys with its own signature alone. */
function withoutSignature(devices: unknown): unknown {
    const { [BOT.deviceId]: keys, ...others } = devices as Record<
        string,
        { signatures: Record<string, Record<string, string>> }
    >;
    const name = `ed25519:${BOT.deviceId}`;
    const own = keys?.signatures[BOT.userId]?.[name];
    return { ...others, [BOT.deviceId]: { ...keys, signatures: { [BOT.userId]: { [name]: own } } } };
}

function foreign(keys: Record<string, unknown> | undefined): object {
    return { [BOT.userId]: { ...(keys?.[BOT.userId] as object), keys: { "ed25519:AAAA": "AAAA" } } };
}
