import { afterEach, beforeEach, expect, test } from "vitest";
import { commitsInLog } from "../../../../test/process/index.ts";
import { createIndexedDB } from "../../../indexeddb/index.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { speak } from "../testing/fixtures/story.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";

let store: ReturnType<typeof temporaryStore>;
let bot: TestBot;
let alice: Peer;

beforeEach(async () => {
    store = temporaryStore();
    const server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
    await bot.query(alice.userId);
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

/** The commits that something costs. */
async function costOf(work: () => Promise<unknown>): Promise<number> {
    const before = commitsInLog(store.path);
    await work();
    return commitsInLog(store.path) - before;
}

async function giveKeys(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
        const session = new MegolmSession();
        const content = {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: ROOM,
            session_id: session.sessionId,
            session_key: session.sharedAt(0),
        };
        await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, shared_history: true });
    }
}

test.each([1, 30])(
    "a batch with %d room keys is one commit: ratchets, sessions, flags and ready entries",
    async (count) => {
        await giveKeys(count);
        expect(await costOf(() => bot.receive())).toBe(1);
        expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: count, notShareable: 0, unknown: 0 });
    },
);

test("a batch without to-device events, changed devices or key counts costs nothing", async () => {
    await bot.receive();
    expect(await costOf(() => bot.receive())).toBe(0);
});

test("an encryption is one commit, beside the one that made its session", async () => {
    await speak(bot);
    await bot.crypto.shareRoomKey(ROOM, [alice.userId], "shared");
    expect(
        await costOf(() => bot.crypto.encryptRoomEvent(ROOM, "m.room.message", { msgtype: "m.text", body: "again" })),
    ).toBe(1);
});

test("an import is one commit for every hundred keys", async () => {
    const [sender, claimed] = [new MegolmSession().sessionId, new MegolmSession().sessionId];
    const entries = Array.from({ length: 250 }, () => {
        const session = new MegolmSession();
        return {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: ROOM,
            sender_key: sender,
            session_id: session.sessionId,
            session_key: session.exportedAt(0),
            sender_claimed_keys: { ed25519: claimed },
            shared_history: true,
        };
    });
    expect(await costOf(() => bot.crypto.importRoomKeys(entries))).toBe(3);
});

test("reading costs nothing", async () => {
    await giveKeys(2);
    await bot.receive();
    const read = async (): Promise<void> => {
        await bot.crypto.account();
        await bot.crypto.holdings(ROOM);
        await bot.crypto.exportRoomKeys(ROOM);
        await bot.crypto.userKeys([alice.userId]);
        await bot.crypto.ping();
    };
    expect(await costOf(read)).toBe(0);
});

test("each commit is on the disk before it is answered", async () => {
    await bot.crypto.close();
    const opened = createIndexedDB({ path: store.path });
    const setting = (name: string): Promise<unknown> =>
        opened.atomically((sql) => Object.values(sql.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
    expect([await setting("journal_mode"), await setting("synchronous")]).toEqual(["wal", 2]);
    opened.close();
});
