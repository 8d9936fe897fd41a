import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { exported, type Expectation, fill, flagsOf, ROOM, speak } from "../testing/fixtures/story.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";

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

test("a forgotten room has no key left, and other rooms have theirs", async () => {
    await bot.crypto.forgetRoom(ROOM);
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 0, notShareable: 0, unknown: 0 });
    expect(await bot.crypto.exportRoomKeys(ROOM)).toEqual({ sessions: [], next: undefined });
    expect(await bot.crypto.holdings(OTHER)).toMatchObject({ shareable: 1 });
    await bot.crypto.forgetRoom(ROOM);
    await bot.crypto.forgetRoom("!never-heard-of:home");
    expect(await bot.crypto.holdings(OTHER)).toMatchObject({ shareable: 1 });
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
