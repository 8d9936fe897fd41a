import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SharingSigns } from "../../port.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { sealFile } from "../testing/bundle.ts";
import { exported } from "../testing/fixtures/story.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";
const ALICE = "@alice:home";

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;
let alice: Peer;

beforeEach(async () => {
    vi.useFakeTimers({ now: 1_000, toFake: ["Date"] });
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    alice = await Peer.join(server, ALICE, "ALICE");
    await alice.learn(BOT.userId);
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
    vi.useRealTimers();
});

async function give(
    flags: object,
    { session = new MegolmSession(), room = ROOM, from = alice, index = 0 } = {},
): Promise<void> {
    const key = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: room,
        session_id: session.sessionId,
        session_key: session.sharedAt(index),
    };
    await from.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...key, ...flags });
}

/** At this time, which becomes that of the signs. */
async function receiveAt(now: number): Promise<readonly string[]> {
    vi.setSystemTime(now);
    return await bot.receive();
}

const signs = (roomId = ROOM): Promise<readonly SharingSigns[]> => bot.crypto.sharingSigns(roomId);
const only = (of: Partial<SharingSigns>, userId = ALICE): SharingSigns => ({
    userId,
    machineFlagAt: undefined,
    specFlagAt: undefined,
    silentAt: undefined,
    bundleAt: undefined,
    ...of,
});

test.each<[string, object, Partial<SharingSigns> | undefined]>([
    ["as the machine spells it", { "m.shared_history": true }, { machineFlagAt: 5_000 }],
    ["as the machine used to spell it", { "org.matrix.msc3061.shared_history": true }, { machineFlagAt: 5_000 }],
    ["in both spellings", { shared_history: true, "m.shared_history": true }, { machineFlagAt: 5_000 }],
    ["as the specification spells it", { shared_history: true }, { specFlagAt: 5_000 }],
    ["with nothing", {}, { silentAt: 5_000 }],
    ["with a no in the machine's spelling", { "m.shared_history": false }, { silentAt: 5_000 }],
    ["with what is no boolean", { shared_history: "true" }, { silentAt: 5_000 }],
    ["with the specification's no, of a client that knows the flag", { shared_history: false }, undefined],
])("a key that is flagged %s", async (_, flags, expected) => {
    await give(flags);
    await receiveAt(5_000);
    expect(await signs()).toEqual(expected === undefined ? [] : [only(expected)]);
});

test("a bundle that is announced counts, whether or not anybody takes it, and its room is told as one with news", async () => {
    await alice.tell(BOT.userId, BOT.deviceId, "m.room_key_bundle", { room_id: ROOM, file: sealFile("{}").file });
    expect(await receiveAt(5_000)).toEqual([ROOM]);
    await bot.crypto.forgetOffer(ROOM, ALICE);
    expect(await signs()).toEqual([only({ bundleAt: 5_000 })]);
});

test("of each sign the last time is kept, of each user in each room, the newest first", async () => {
    const bob = await Peer.join(server, "@bob:home", "BOB");
    await bob.learn(BOT.userId);
    await give({ shared_history: true });
    await receiveAt(5_000);
    await give({}, { from: bob });
    await give({}, { room: "!other:home" });
    await receiveAt(6_000);
    expect((await signs()).map(({ userId }) => userId)).toEqual(["@bob:home", ALICE]);
    await give({ shared_history: true });
    await give({});
    await receiveAt(7_000);
    expect(await signs()).toEqual([
        only({ specFlagAt: 7_000, silentAt: 7_000 }),
        only({ silentAt: 6_000 }, "@bob:home"),
    ]);
    expect(await signs("!other:home")).toEqual([only({ silentAt: 6_000 })]);
    expect(await bot.crypto.roomsWithSigns()).toEqual([ROOM, "!other:home"]);
});

test("what names another's session is no sign, as nothing says that the session is like that; neither is an import", async () => {
    const [session, other] = [new MegolmSession(), new MegolmSession()];
    const key = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        session_id: session.sessionId,
        session_key: other.sharedAt(0),
    };
    await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...key, shared_history: true });
    await receiveAt(5_000);
    await bot.crypto.importRoomKeys([exported(new MegolmSession())]);
    expect((await signs()).map(({ specFlagAt }) => specFlagAt)).not.toContain(5_000);
    expect(await signs()).toHaveLength(0);
});

test("signs are on disk with the keys: a store that is opened again has them", async () => {
    await give({ "m.shared_history": true });
    await receiveAt(5_000);
    await bot.crypto.close();
    bot = new TestBot(await inThisThread(store.path), server);
    expect(await signs()).toEqual([only({ machineFlagAt: 5_000 })]);
});

test("signs have a bound: the oldest go first", async () => {
    await give({ "m.shared_history": true });
    await receiveAt(5_000);
    await bot.crypto.close();
    countSignsUp(99_999);
    bot = new TestBot(await inThisThread(store.path), server);
    await give({}, { room: "!other:home" });
    await receiveAt(6_000);
    expect(await bot.crypto.roomsWithSigns()).toEqual(["!other:home"]);
});

/** As if so many signs had come. */
function countSignsUp(by: number): void {
    const sql = new DatabaseSync(store.path);
    sql.prepare("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'sharing_signs'").run(by);
    sql.close();
}
