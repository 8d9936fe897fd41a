import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { DeviceId, initAsync, OlmMachine, StoreHandle, UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createIndexedDB } from "../../indexeddb/index.ts";
import { deriveKey } from "../../sealing/index.ts";
import { BOT, inThisThread, storeKey, temporaryStore, TestBot } from "./testing/bot.ts";
import { exported, type Expectation, fill, flagsOf, ROOM, speak } from "./testing/fixtures/story.ts";
import { KeyServer } from "./testing/key-server.ts";
import { MegolmSession } from "./testing/megolm.ts";

const OTHER = "!other:home";

let store: ReturnType<typeof temporaryStore>;
let filled: Expectation;
let bot: TestBot;
const other = new MegolmSession();

// A room with every kind of key, and one key of another room.
beforeEach(async () => {
    store = temporaryStore();
    filled = await fill(store.path);
    bot = new TestBot(await inThisThread(store.path), new KeyServer());
    await bot.crypto.importRoomKeys([{ ...exported(other), room_id: OTHER }]);
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

/** What the machine itself still has, by room. */
async function machineHolds(): Promise<readonly string[]> {
    await bot.crypto.close();
    const store2 = createIndexedDB({ path: store.path });
    store2.install(globalThis);
    await initAsync();
    const handle = await StoreHandle.openWithKey("backscroll", deriveKey(storeKey, "crypto machine"));
    const machine = await OlmMachine.initFromStore(new UserId(BOT.userId), new DeviceId(BOT.deviceId), handle);
    const held = JSON.parse(await machine.exportRoomKeys(() => true)) as { room_id: string; session_id: string }[];
    machine.close();
    await new Promise((resolve) => setImmediate(resolve));
    store2.close();
    bot = new TestBot(await inThisThread(store.path), new KeyServer());
    return held.map(({ room_id: room, session_id: session }) => `${room} ${session}`);
}

test("a forgotten room has no key left, in our rows or the machine's, and other rooms have theirs", async () => {
    expect((await machineHolds()).filter((key) => key.startsWith(ROOM))).toHaveLength(7);
    await bot.crypto.forgetRoom(ROOM);
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 0, notShareable: 0, unknown: 0 });
    expect(await bot.crypto.exportRoomKeys(ROOM)).toEqual({ sessions: [], next: undefined });
    expect(await machineHolds()).toEqual([`${OTHER} ${other.sessionId}`]);
    expect(await bot.crypto.holdings(OTHER)).toMatchObject({ shareable: 1 });
    await bot.crypto.forgetRoom(ROOM);
    await bot.crypto.forgetRoom("!never-heard-of:home");
    expect(await machineHolds()).toEqual([`${OTHER} ${other.sessionId}`]);
});

test("what its members' keys said of their clients is forgotten with them", async () => {
    const before = await bot.crypto.roomsWithSigns();
    expect(before).toContain(ROOM);
    await bot.crypto.forgetRoom(ROOM);
    expect(await bot.crypto.roomsWithSigns()).toEqual(before.filter((roomId) => roomId !== ROOM));
    expect(await bot.crypto.sharingSigns(ROOM)).toEqual([]);
});

test("its bytes are gone from the files while the store is still open", async () => {
    await bot.crypto.close();
    const sql = new DatabaseSync(store.path);
    const sealed = sql
        .prepare("SELECT body FROM entry_pages WHERE room_id = ?")
        .all(ROOM)
        .flatMap(({ body }) => (body instanceof Uint8Array ? [Buffer.from(body)] : []));
    sql.close();
    const found = (): number => {
        const files = [store.path, `${store.path}-wal`].map((path) => readFileSync(path));
        return sealed.filter((bytes) => files.some((file) => file.includes(bytes.subarray(0, 64)))).length;
    };
    bot = new TestBot(await inThisThread(store.path), new KeyServer());
    expect(found()).toBeGreaterThan(0);
    await bot.crypto.forgetRoom(ROOM);
    expect(found()).toBe(0);
});

test("whoever comes back hears and speaks there as if for the first time", async () => {
    await bot.crypto.forgetRoom(ROOM);
    expect(await speak(bot)).not.toBe(filled.ownSessionId);
    await bot.receiveEvents(filled.next.events);
    expect(await flagsOf(bot)).toMatchObject({ [filled.next.sessionId]: true });
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 2, notShareable: 0, unknown: 0 });
});
