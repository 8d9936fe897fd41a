import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";
const algorithm = "m.megolm.v1.aes-sha2";

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

const refusal = (sessionId: string, sender: string, more: object = {}): object => ({
    type: "m.room_key.withheld",
    sender,
    content: {
        algorithm,
        room_id: ROOM,
        session_id: sessionId,
        sender_key: "k",
        code: "m.unverified",
        reason: "no",
        ...more,
    },
});

test("sessions are told with their first message, the senders' word, and whether they were given by an import", async () => {
    const alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
    const [open, closed, imported] = [new MegolmSession(), new MegolmSession(), new MegolmSession()];
    const tell = async (session: MegolmSession, index: number, flag: boolean): Promise<void> => {
        const key = { algorithm, room_id: ROOM, session_id: session.sessionId, session_key: session.sharedAt(index) };
        await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...key, shared_history: flag });
    };
    await tell(open, 0, true);
    await tell(closed, 4, false);
    await bot.receive();
    await bot.crypto.importRoomKeys([
        {
            algorithm,
            room_id: ROOM,
            sender_key: alice.curve25519,
            session_id: imported.sessionId,
            session_key: imported.exportedAt(2),
            sender_claimed_keys: { ed25519: alice.machine.identityKeys.ed25519.toBase64() },
        },
    ]);

    const held = await bot.crypto.heldSessions(ROOM);
    const expected = [
        { sessionId: open.sessionId, firstIndex: 0, verdict: "shareable", given: false },
        { sessionId: closed.sessionId, firstIndex: 4, verdict: "withheld", given: false },
        { sessionId: imported.sessionId, firstIndex: 2, verdict: "unknown", given: true },
    ].toSorted((one, other) => (one.sessionId < other.sessionId ? -1 : 1));
    expect(held).toEqual(expected);
    expect(await bot.crypto.heldSessions(ROOM, held[0]?.sessionId)).toEqual(expected.slice(1));
    expect(await bot.crypto.heldSessions(ROOM, held[2]?.sessionId)).toEqual([]);
    expect(await bot.crypto.heldSessions("!other:home")).toEqual([]);
});

test("who refuses the bot a key is remembered, over a restart too, and the last word stands", async () => {
    const [one, other] = ["1".repeat(43), "2".repeat(43)];
    expect(await bot.receiveEvents([refusal(one, "@alice:home"), refusal(other, "@bob:home")])).toEqual([ROOM]);
    await bot.receiveEvents([refusal(one, "@alice:home", { code: "m.blacklisted" })]);
    await bot.crypto.close();
    bot = new TestBot(await inThisThread(store.path), server);
    const refusals = await bot.crypto.keyRefusals(ROOM);
    expect(refusals).toHaveLength(2);
    expect(refusals).toContainEqual({ sessionId: one, sender: "@alice:home", code: "m.blacklisted" });
    expect(refusals).toContainEqual({ sessionId: other, sender: "@bob:home", code: "m.unverified" });
});

test.each<[string, object]>([
    ["no room", { room_id: undefined }],
    ["no session", { session_id: "short" }],
    ["another algorithm", { algorithm: "m.olm" }],
    ["no code", { code: 5 }],
    ["a code that is a novel", { code: "x".repeat(256) }],
])("one with %s is none", async (_, change) => {
    expect(await bot.receiveEvents([refusal("1".repeat(43), "@alice:home", change)])).toEqual([]);
    expect(await bot.crypto.keyRefusals(ROOM)).toEqual([]);
});

test("a stranger's flood pushes out the stranger's own and nobody else's", async () => {
    await bot.receiveEvents([refusal("a".repeat(43), "@alice:home")]);
    const flood = Array.from({ length: 1_200 }, (_, n) => refusal(String(n).padStart(43, "0"), "@mallory:elsewhere"));
    await bot.receiveEvents(flood);
    const refusals = await bot.crypto.keyRefusals(ROOM);
    expect(refusals).toHaveLength(1_001);
    expect(refusals).toContainEqual({ sessionId: "a".repeat(43), sender: "@alice:home", code: "m.unverified" });
    expect(refusals.some(({ sessionId }) => sessionId === "1199".padStart(43, "0"))).toBe(true);
});

test("of all senders together the newest are kept, and of a room a few thousand are looked at", async () => {
    await bot.crypto.close();
    fill(store.path, 100_000);
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.receiveEvents([refusal("a".repeat(43), "@alice:home")]);
    const refusals = await bot.crypto.keyRefusals(ROOM);
    expect(refusals).toHaveLength(10_000);
    expect(refusals).toContainEqual({ sessionId: "a".repeat(43), sender: "@alice:home", code: "m.unverified" });
    await bot.crypto.close();
    expect(fill(store.path, 0)).toBe(100_000);
});

/** Adds refusals, each of another stranger, behind a closed store's back. Answers how many there are. */
function fill(path: string, strangers: number): number {
    using sql = new DatabaseSync(path);
    sql.prepare(
        `WITH RECURSIVE n(n) AS (SELECT 1 WHERE ?1 > 0 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
         INSERT INTO key_refusals (sender, room_id, session_id, code) SELECT '@' || n || ':far', ?2, 'made up', 'm.unverified' FROM n`,
    ).run(strangers, ROOM);
    return Number(sql.prepare("SELECT count(*) AS n FROM key_refusals").get()?.["n"]);
}
