import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { KeyServer } from "../testing/key-server.ts";
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
    alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

function exported(session: MegolmSession, flags: object, index = 0): object {
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        sender_key: alice.curve25519,
        session_id: session.sessionId,
        session_key: session.exportedAt(index),
        sender_claimed_keys: { ed25519: alice.machine.identityKeys.ed25519.toBase64() },
        forwarding_curve25519_key_chain: [],
        ...flags,
    };
}

async function give(session: MegolmSession, flags: object, index = 0): Promise<void> {
    const content = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        session_id: session.sessionId,
        session_key: session.sharedAt(index),
    };
    await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, ...flags });
    await bot.receive();
}

const shareable = { shareable: 1, notShareable: 0, unknown: 0 };
const withheld = { shareable: 0, notShareable: 1, unknown: 0 };
const unknown = { shareable: 0, notShareable: 0, unknown: 1 };

test.each([
    ["the specification's yes", { shared_history: true }, shareable],
    ["the machine's yes", { "m.shared_history": true }, shareable],
    [
        "yes under both machine names",
        { "m.shared_history": true, "org.matrix.msc3061.shared_history": true },
        shareable,
    ],
    ["the specification's no, which is nobody's no here", { shared_history: false, "m.shared_history": true }, unknown],
    ["the machine's no, which is nobody's no here", { "m.shared_history": false }, unknown],
    ["nothing", {}, unknown],
    ["no boolean", { "m.shared_history": "yes" }, unknown],
])("an imported session with %s", async (_, flags, expected) => {
    expect(await bot.crypto.importRoomKeys([exported(new MegolmSession(), flags)])).toEqual({
        imported: 1,
        total: 1,
        refused: [],
    });
    expect(await bot.crypto.holdings(ROOM)).toEqual(expected);
});

test("an import says nothing about a session whose sender has spoken, however far back it reaches", async () => {
    const session = new MegolmSession();
    await give(session, { shared_history: false }, 3);
    await bot.crypto.importRoomKeys([exported(session, { shared_history: true }, 0)]);
    expect(await bot.crypto.holdings(ROOM)).toEqual(withheld);
});

test("what an import left unknown, the sender decides later", async () => {
    const session = new MegolmSession();
    await bot.crypto.importRoomKeys([exported(session, {})]);
    await give(session, { "m.shared_history": true });
    expect(await bot.crypto.holdings(ROOM)).toEqual(shareable);
});

test("an import that reaches further back brings the key that does", async () => {
    const session = new MegolmSession();
    await give(session, { shared_history: true }, 3);
    await bot.crypto.importRoomKeys([exported(session, {}, 0)]);
    const { sessions } = await bot.crypto.exportRoomKeys(ROOM);
    expect(sessions[0]).toMatchObject({ session_key: session.exportedAt(0), shared_history: true });
});

test("refused entries are named by place and reason, and the others come in", async () => {
    const good = [exported(new MegolmSession(), {}), exported(new MegolmSession(), {})];
    const stolen = { ...exported(new MegolmSession(), {}), session_id: new MegolmSession().sessionId };
    const badRoom = exported(new MegolmSession(), { room_id: "!\u0000" });
    const report = await bot.crypto.importRoomKeys([null, good[0], stolen, badRoom, good[1]]);
    expect(report).toMatchObject({ total: 5 });
    expect(report.refused.map(({ index }) => index)).toEqual(expect.arrayContaining([0, 2]));
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 0, notShareable: 0, unknown: 2 });
});

test("an import that is not the session that was sent, or imported before, is refused and changes nothing", async () => {
    const [sent, imported] = [new MegolmSession(), new MegolmSession()];
    await give(sent, { shared_history: true }, 3);
    await bot.crypto.importRoomKeys([exported(imported, { shared_history: true }, 3)]);
    const before = await bot.crypto.exportRoomKeys(ROOM);
    const madeUp = (session: MegolmSession, more: object): object => {
        const key = Buffer.from(session.exportedAt(0), "base64");
        const session_key = Buffer.concat([key.subarray(0, 5), randomBytes(128), key.subarray(-32)]).toString("base64");
        return {
            ...exported(session, { shared_history: true }),
            session_key: session_key.replaceAll("=", ""),
            ...more,
        };
    };
    const lies = [madeUp(sent, {}), madeUp(imported, {}), madeUp(imported, { sender_key: "A".repeat(43) })];
    const report = await bot.crypto.importRoomKeys(lies);
    expect(report).toMatchObject({ imported: 0, total: 3 });
    expect(report.refused.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(await bot.crypto.exportRoomKeys(ROOM)).toEqual(before);
});

test("more than one chunk comes in whole, and can be exported page by page and imported again", async () => {
    const sessions = Array.from({ length: 250 }, () => exported(new MegolmSession(), { shared_history: true }));
    expect(await bot.crypto.importRoomKeys(sessions)).toMatchObject({ imported: 250, total: 250, refused: [] });
    const { sessions: page, next } = await bot.crypto.exportRoomKeys(ROOM);
    expect([page.length, next]).toEqual([250, undefined]);
    using second = temporaryStore();
    const other = await inThisThread(second.path);
    await other.importRoomKeys(page);
    expect(await other.holdings(ROOM)).toEqual({ shareable: 250, notShareable: 0, unknown: 0 });
    await other.close();
});
