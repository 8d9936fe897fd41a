import { afterEach, beforeEach, expect, test } from "vitest";
import type { RoomHoldings } from "../../port.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { openBundle, type OpenedBundle } from "../testing/bundle.ts";
import { KeyServer } from "../testing/key-server.ts";
import { machineHolds } from "../testing/machine-holds.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;
let alice: Peer;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    alice = await acquaint("@alice:home", "ALICE");
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

async function acquaint(userId: string, deviceId: string): Promise<Peer> {
    const peer = await Peer.join(server, userId, deviceId);
    await peer.learn(BOT.userId);
    return peer;
}

function roomKey(session: MegolmSession, index: number, flags: object, sessionId = session.sessionId): object {
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        session_id: sessionId,
        session_key: session.sharedAt(index),
        ...flags,
    };
}

async function give(sender: Peer, session: MegolmSession, flags: object, index = 0, sessionId?: string): Promise<void> {
    await sender.tell(BOT.userId, BOT.deviceId, "m.room_key", roomKey(session, index, flags, sessionId));
}

const counts = (shareable: number, notShareable: number, unknown: number): RoomHoldings => ({
    shareable,
    notShareable,
    unknown,
});

test.each([
    ["as the specification spells it", { shared_history: true }, counts(1, 0, 0)],
    ["as the machine spells it", { "m.shared_history": true }, counts(1, 0, 0)],
    ["as the machine used to spell it", { "org.matrix.msc3061.shared_history": true }, counts(1, 0, 0)],
    [
        "in the specification's and the machine's spelling",
        { shared_history: true, "m.shared_history": true },
        counts(1, 0, 0),
    ],
    [
        "with a plain no that vetoes the machine's yes",
        { shared_history: false, "m.shared_history": true },
        counts(0, 1, 0),
    ],
    ["with a no", { "m.shared_history": false }, counts(0, 1, 0)],
    ["without any flag", {}, counts(0, 1, 0)],
    ["with a plain flag that is no boolean", { shared_history: "true" }, counts(0, 1, 0)],
    [
        "with both machine names, which the machine cannot read",
        { "m.shared_history": true, "org.matrix.msc3061.shared_history": true },
        counts(0, 0, 0),
    ],
    ["with a machine name that is no boolean, which it cannot read", { "m.shared_history": 1 }, counts(0, 0, 0)],
])("a room key flagged %s", async (_, flags, expected) => {
    await give(alice, new MegolmSession(), flags);
    const rooms = await bot.receive();
    expect(await bot.crypto.holdings(ROOM)).toEqual(expected);
    expect(rooms).toEqual(expected.shareable + expected.notShareable > 0 ? [ROOM] : []);
});

test("a key that the machine cannot read does not take the others of its batch with it", async () => {
    await give(alice, new MegolmSession(), { "m.shared_history": true, "org.matrix.msc3061.shared_history": true });
    await give(alice, new MegolmSession(), { shared_history: true });
    await give(alice, new MegolmSession(), { "m.shared_history": {} });
    await give(alice, new MegolmSession(), { shared_history: true });
    await bot.receive();
    expect(await bot.crypto.holdings(ROOM)).toEqual(counts(2, 0, 0));
});

test("who sends keys whose flag nobody can read is told, each key once, and nobody else is", async () => {
    const eve = await acquaint("@eve:home", "EVE");
    await give(alice, new MegolmSession(), { "m.shared_history": true, "org.matrix.msc3061.shared_history": true });
    await give(eve, new MegolmSession(), {
        "m.shared_history": { a: 'receive_to_device_event with sender="@bob:home"' },
    });
    await give(alice, new MegolmSession(), { "m.shared_history": 'so, expected a boolean"' });
    await give(eve, new MegolmSession(), { session_key: 5 });
    await give(eve, new MegolmSession(), { shared_history: "yes" });
    const toDevice = server.take(BOT.userId, BOT.deviceId);
    expect((await bot.receiveChanges({ toDevice })).unreadableKeysOf).toEqual([
        "@alice:home",
        "@eve:home",
        "@alice:home",
    ]);
    // Again, as after an answer that was lost: what was decrypted once is not a spelling that nobody can read.
    expect((await bot.receiveChanges({ toDevice })).unreadableKeysOf).toEqual([]);
});

test("a stranger's claim about Alice's session ID changes nothing, before and after her key", async () => {
    const mallory = await acquaint("@mallory:elsewhere", "MALLORY");
    const session = new MegolmSession();
    const forged = new MegolmSession();

    await give(mallory, forged, { shared_history: true }, 0, session.sessionId);
    await bot.receive();
    await give(alice, session, { shared_history: false });
    await bot.receive();
    await give(mallory, forged, { shared_history: true }, 0, session.sessionId);
    await bot.receive();

    const bundle = await readBundle();
    expect(bundle.withheld).toEqual([
        expect.objectContaining({ session_id: session.sessionId, sender_key: alice.curve25519 }),
    ]);
    expect(bundle.room_keys.map((key) => key["session_id"])).not.toContain(session.sessionId);
});

test("a stranger's veto in Alice's own batch does not take her session from anybody", async () => {
    const mallory = await acquaint("@mallory:elsewhere", "MALLORY");
    const session = new MegolmSession();
    await give(alice, session, { shared_history: true });
    await give(mallory, new MegolmSession(), { shared_history: false }, 0, session.sessionId);
    await bot.receive();
    expect((await readBundle()).room_keys.map((key) => key["session_id"])).toContain(session.sessionId);
});

test.each([
    ["index 3 says no, then index 0 says yes", [3, false], [0, true], counts(0, 1, 0)],
    ["index 3 says yes, then index 0 says no", [3, true], [0, false], counts(0, 1, 0)],
    ["the same index says yes after a no", [0, false], [0, true], counts(0, 1, 0)],
    ["a later index says no after a yes", [0, true], [3, false], counts(0, 1, 0)],
] as const)("two copies of a session: %s", async (_, first, second, expected) => {
    const session = new MegolmSession();
    for (const [index, flag] of [first, second]) {
        await give(alice, session, { shared_history: flag }, index);
        await bot.receive();
    }
    expect(await bot.crypto.holdings(ROOM)).toEqual(expected);
});

test.each([
    ["in two batches", true],
    ["in one batch", false],
])("a member who sends on a key that she was sent stands in nobody's way: %s", async (_, apart) => {
    const mallory = await acquaint("@mallory:elsewhere", "MALLORY");
    const [session, another] = [new MegolmSession(), new MegolmSession()];
    await give(mallory, session, { shared_history: true }, 5);
    if (apart) await bot.receive();
    await give(alice, session, { "m.shared_history": true }, 0);
    await give(alice, another, { shared_history: true }, 0);
    expect(await bot.receive()).toEqual([ROOM]);
    for (const sessionId of [session.sessionId, another.sessionId])
        await bot.crypto.setOwners([{ roomId: ROOM, sessionId, userId: alice.userId }]);
    const { sessions } = await bot.crypto.exportRoomKeys(ROOM);
    expect(new Set(sessions)).toEqual(
        new Set([
            expect.objectContaining({
                sender_key: alice.curve25519,
                session_key: session.exportedAt(0),
                shared_history: true,
            }),
            expect.objectContaining({ sender_key: alice.curve25519, session_key: another.exportedAt(0) }),
        ]),
    );
});

test("a key that is sent under another ID than its own counts for nothing, and takes nobody's away", async () => {
    const mallory = await acquaint("@mallory:elsewhere", "MALLORY");
    const session = new MegolmSession();
    const mislabelled = async (): Promise<void> => {
        for (const id of [new MegolmSession().sessionId, "x".repeat(256)])
            await give(mallory, session, { "m.shared_history": true }, 5, id);
    };
    await mislabelled();
    await bot.receive();
    expect((await bot.crypto.exportRoomKeys(ROOM)).sessions).toEqual([]);
    await give(alice, session, { shared_history: true }, 0);
    await mislabelled();
    await bot.receive();
    expect((await bot.crypto.exportRoomKeys(ROOM)).sessions).toEqual([
        expect.objectContaining({
            sender_key: alice.curve25519,
            session_key: session.exportedAt(0),
            shared_history: true,
        }),
    ]);
});

test("of one user's copies of a session a few are kept, and each no counts", async () => {
    const session = new MegolmSession();
    for (let device = 0; device < 11; device += 1) {
        await give(await acquaint("@mallory:elsewhere", `MALLORY${device}`), session, { shared_history: true }, 5);
        await bot.receive();
    }
    expect(await bot.crypto.holdings(ROOM)).toEqual(counts(1, 0, 0));
    await give(await acquaint("@mallory:elsewhere", "LAST"), session, { shared_history: false }, 5);
    await bot.receive();
    expect(await bot.crypto.holdings(ROOM)).toEqual(counts(0, 1, 0));
});

test("the machine keeps no room key", async () => {
    await give(alice, new MegolmSession(), { shared_history: true });
    await bot.receive();
    await bot.crypto.close();
    expect(await machineHolds(store.path)).toEqual([]);
    bot = new TestBot(await inThisThread(store.path), server);
});

test("conflicting words in one batch: the no wins", async () => {
    const session = new MegolmSession();
    await give(alice, session, { shared_history: true }, 0);
    await give(alice, session, { shared_history: false }, 0);
    await bot.receive();
    expect(await bot.crypto.holdings(ROOM)).toEqual(counts(0, 1, 0));
});

test("malformed to-device events of every kind leave the rest of the batch alone", async () => {
    await give(alice, new MegolmSession(), { shared_history: true });
    const deep: unknown = JSON.parse(`${"[".repeat(2000)}${"]".repeat(2000)}`);
    await bot.receive(
        null,
        7,
        "text",
        [],
        {},
        { type: 5, sender: "@a:b", content: {} },
        { type: "m.room_key", sender: "@a:b", content: [] },
        { type: "m.room.encrypted", sender: "nobody", content: { algorithm: 1 } },
        {
            type: "m.room.encrypted",
            sender: "@a:b",
            content: { algorithm: "m.olm.v1.curve25519-aes-sha2", sender_key: "x", ciphertext: 5 },
        },
        {
            type: "m.room_key",
            sender: "@a:b",
            content: JSON.parse('{"__proto__": {"room_id": "!x"}, "constructor": 1}') as object,
        },
        { type: "m.text", sender: "@a:b", content: { body: "\ud800" } },
        { type: "m.text", sender: "@a:b", content: { deep } },
        { type: "m.text", sender: "@a:b", content: { body: "x".repeat(100_000) } },
    );
    expect(await bot.crypto.holdings(ROOM)).toEqual(counts(1, 0, 0));
});

test("reopening the store keeps entries and flags", async () => {
    await give(alice, new MegolmSession(), { shared_history: true });
    await give(alice, new MegolmSession(), { shared_history: false });
    await bot.receive();
    const before = await readBundle();
    await bot.crypto.close();
    bot = new TestBot(await inThisThread(store.path), server);
    expect(await bot.crypto.holdings(ROOM)).toEqual(counts(1, 1, 0));
    expect(await readBundle()).toEqual(before);
});

async function readBundle(): Promise<OpenedBundle["content"]> {
    return (await openBundle(bot.crypto, ROOM)).content;
}

test("that nobody is an outsider in a room that had none costs no commit; that somebody is, and no more, does", async () => {
    const costs = async (users: readonly string[]): Promise<number> => {
        const before = await bot.crypto.commits();
        await bot.crypto.setOutsiders("!room:home", users);
        return (await bot.crypto.commits()) - before;
    };
    expect([await costs([]), await costs(["@mallory:home"]), await costs([]), await costs([])]).toEqual([0, 1, 1, 0]);
});
