import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { sealFile } from "../testing/bundle.ts";
import { exported } from "../testing/fixtures/story.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { Peer } from "../testing/peer.ts";
import { keptFor } from "./unknown-room-limits.ts";

const HOME = "!home:home";
const MADE_UP = "!made-up:elsewhere";
const algorithm = "m.megolm.v1.aes-sha2";
const hour = 3_600_000;

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;
let mallory: Peer;
let ran: number;

const open = (): Promise<TestBot["crypto"]> => inThisThread(store.path);

beforeEach(async () => {
    ran = 5_000;
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await open(), server);
    await bot.publish();
    mallory = await acquaint("@mallory:elsewhere", "MALLORY");
});

afterEach(async () => {
    vi.useRealTimers();
    await bot.crypto.close();
    store[Symbol.dispose]();
});

async function acquaint(userId: string, deviceId: string): Promise<Peer> {
    const peer = await Peer.join(server, userId, deviceId);
    await peer.learn(BOT.userId);
    return peer;
}

interface Given {
    readonly room?: string;
    readonly session?: MegolmSession;
    readonly flags?: object;
}

async function give(from: Peer, given: Given = {}): Promise<string> {
    const { room = MADE_UP, session = new MegolmSession(), flags = { shared_history: true } } = given;
    const key = { algorithm, room_id: room, session_id: session.sessionId, session_key: session.sharedAt(0) };
    await from.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...key, ...flags });
    return session.sessionId;
}

async function announce(from: Peer, room = MADE_UP): Promise<void> {
    await from.tell(BOT.userId, BOT.deviceId, "m.room_key_bundle", { room_id: room, file: sealFile("{}").file });
}

const refusal = (sender: string, room = MADE_UP): object => ({
    type: "m.room_key.withheld",
    sender,
    content: {
        algorithm,
        room_id: room,
        session_id: new MegolmSession().sessionId,
        sender_key: "k".repeat(43),
        code: "m.unverified",
    },
});

const shareable = async (room = MADE_UP): Promise<number> => (await bot.crypto.holdings(room)).shareable;

async function reopen(): Promise<void> {
    await bot.crypto.close();
    bot = new TestBot(await open(), server);
}

/** How many rows there are of a room; of every table that has any. */
async function rowsOf(like: string): Promise<Record<string, number>> {
    await bot.crypto.close();
    const sql = new DatabaseSync(store.path);
    const select = "SELECT m.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c WHERE c.name = 'room_id'";
    const tables = sql.prepare(select).all();
    const counts = tables.map(({ name }) => {
        const row = sql.prepare(`SELECT count(*) AS n FROM ${String(name)} WHERE room_id LIKE ?`).get(like);
        return [String(name), Number(row?.["n"])] as const;
    });
    sql.close();
    bot = new TestBot(await open(), server);
    return Object.fromEntries(counts.filter(([, n]) => n > 0));
}

/** What the machine keeps for itself, by its stores' names. */
async function machineKeeps(): Promise<readonly string[]> {
    await bot.crypto.close();
    const sql = new DatabaseSync(store.path);
    const stores = sql.prepare("SELECT DISTINCT name FROM idb_store AS s, idb_record AS r ON r.store = s.id").all();
    sql.close();
    bot = new TestBot(await open(), server);
    return stores.map(({ name }) => String(name).replaceAll('"', ""));
}

test("of 3 000 sessions that somebody made up a hundred are kept, for a day", { timeout: 300_000 }, async () => {
    await bot.crypto.setRooms([HOME], ran);
    let last = "";
    for (let batch = 0; batch < 6; batch++) {
        for (let one = 0; one < 500; one++) last = await give(mallory, { room: `!${one % 3}:made-up` });
        await bot.receive();
    }
    const rows = await rowsOf("!%:made-up");
    expect(rows).toMatchObject({ ready_entries: 100, unknown_room_arrivals: 100 });
    expect(rows).toMatchObject({ room_key_senders: 3, sharing_signs: 3, room_versions: 3 });
    expect(rows["entry_pages"]).toBeLessThan(100);
    // The newest.
    expect((await bot.crypto.heldSessions("!1:made-up")).map(({ sessionId }) => sessionId)).toContain(last);
    ran += keptFor;
    await bot.crypto.setRooms([HOME], ran);
    expect(await rowsOf("!%:made-up")).toEqual({});
});

test("of all strangers together a thousand are kept, of every kind", async () => {
    await bot.crypto.setRooms([HOME], ran);
    await announce(mallory);
    await give(mallory);
    await bot.receive();
    const others = Array.from({ length: 1_100 }, (_, n) => refusal(`@stranger${n % 20}:elsewhere`, `!${n}:made-up`));
    await bot.receiveEvents(others);
    expect(await rowsOf("!%:made-up")).toEqual({ key_refusals: 1_000, unknown_room_arrivals: 1_000 });
    expect(await rowsOf(MADE_UP)).toEqual({});
});

test("what came up to a day before an invite stays; where nobody invites the bot it goes", async () => {
    await bot.crypto.setRooms([HOME], ran);
    const alice = await acquaint("@alice:home", "ALICE");
    for (const room of ["!new:home", MADE_UP]) {
        await give(alice, { room });
        await announce(alice, room);
        await bot.receive(refusal(alice.userId, room));
    }
    ran += keptFor - 1;
    await reopen();
    expect(await bot.crypto.setRooms([HOME, "!new:home"], ran)).toEqual(["!new:home"]);
    expect(await bot.crypto.setRooms([HOME, "!new:home"], ran)).toEqual([]);
    ran += 48 * hour;
    await bot.crypto.setRooms([HOME, "!new:home"], ran);
    expect(await shareable("!new:home")).toBe(1);
    expect(await bot.crypto.bundleOfferers("!new:home")).toEqual([alice.userId]);
    expect(await bot.crypto.keyRefusals("!new:home")).toHaveLength(1);
    expect(await bot.crypto.sharingSigns("!new:home")).toMatchObject([{ userId: alice.userId }]);
    expect(await rowsOf(MADE_UP)).toEqual({});
});

test("of a room that the same batch shows as the bot's nothing is too much", async () => {
    await bot.crypto.setRooms([HOME], ran);
    for (let n = 0; n < 120; n++) await give(mallory, { room: "!joined:home" });
    for (let n = 0; n < 120; n++) await give(mallory);
    await bot.receiveChanges({ toDevice: server.take(BOT.userId, BOT.deviceId), rooms: ["!joined:home"] });
    expect([await shareable("!joined:home"), await shareable()]).toEqual([120, 100]);
    await bot.crypto.setRooms([HOME, "!joined:home"], ran);
    await give(mallory);
    await bot.receive();
    expect([await shareable("!joined:home"), await shareable()]).toEqual([120, 100]);
});

test("before anybody told which rooms are the bot's, and in those that are, nothing is bounded", async () => {
    for (let n = 0; n < 220; n++) await give(mallory, { room: n % 2 === 0 ? HOME : MADE_UP });
    await bot.receive();
    expect([await shareable(HOME), await shareable()]).toEqual([110, 110]);
    expect(await bot.crypto.setRooms([HOME], ran)).toEqual([]);
    expect([await shareable(HOME), await shareable()]).toEqual([110, 100]);
    await give(mallory, { room: HOME });
    await bot.receive();
    expect(await shareable(HOME)).toBe(111);
    expect(await rowsOf(HOME)).not.toHaveProperty("unknown_room_arrivals");
});

test("a room that is the bot's no more, as its invite was taken back, is like any other", async () => {
    await bot.crypto.setRooms([HOME, MADE_UP], ran);
    for (let n = 0; n < 110; n++) await give(mallory);
    await announce(mallory);
    await bot.receive(refusal(mallory.userId));
    await bot.crypto.setRooms([HOME], ran);
    const { unknown_room_arrivals: arrivals } = await rowsOf(MADE_UP);
    expect(arrivals).toBe(100);
    ran += keptFor;
    await bot.crypto.setRooms([HOME], ran);
    expect(await rowsOf(MADE_UP)).toEqual({});
});

test("what the operator imported for a room where the bot is not stays, also beside what somebody sent", async () => {
    await bot.crypto.setRooms([HOME], ran);
    const [both, sent] = [new MegolmSession(), new MegolmSession()];
    await give(mallory, { session: both, flags: {} });
    await give(mallory, { session: sent });
    await bot.receive();
    await bot.crypto.importRoomKeys([{ ...exported(both), room_id: MADE_UP }]);
    ran += 48 * hour;
    await bot.crypto.setRooms([HOME], ran);
    expect(await bot.crypto.heldSessions(MADE_UP)).toEqual([
        { sessionId: both.sessionId, firstIndex: 0, verdict: "shareable", given: true },
    ]);
    expect(await bot.crypto.setRooms([HOME, MADE_UP], ran)).toEqual([MADE_UP]);
});

test("what is sent again is as if it had come then", async () => {
    await bot.crypto.setRooms([HOME], ran);
    const session = new MegolmSession();
    await give(mallory, { session });
    await bot.receive();
    ran += 20 * hour;
    await bot.crypto.setRooms([HOME], ran);
    await give(mallory, { session });
    await bot.receive();
    ran += 20 * hour;
    await bot.crypto.setRooms([HOME], ran);
    expect(await shareable()).toBe(1);
});

test("the machine itself keeps neither keys nor refusals nor announcements", async () => {
    await give(mallory, { room: HOME });
    await announce(mallory, HOME);
    await announce(mallory);
    await bot.receive(refusal(mallory.userId), refusal(mallory.userId, HOME));
    const kept = await machineKeeps();
    expect(kept).toContain("session");
    for (const name of kept) expect(name).not.toMatch(/inbound|withheld|bundle/);
});
