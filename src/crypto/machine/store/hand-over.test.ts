import { DatabaseSync } from "node:sqlite";
import { copyFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";
const NEW = { deviceId: "NEWDEVICE" };

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    const alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
    for (const flags of [{ shared_history: true }, { shared_history: false }, {}]) {
        const session = new MegolmSession();
        const content = {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: ROOM,
            session_id: session.sessionId,
            session_key: session.sharedAt(0),
        };
        await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, ...flags });
        await bot.receive();
    }
    // Our own, one for newcomers and one not.
    for (const visibility of ["shared", "joined"] as const) {
        await bot.crypto.shareRoomKey(ROOM, [], visibility);
        await bot.crypto.encryptRoomEvent(ROOM, "m.room.message", {});
        await bot.crypto.rotate(ROOM);
    }
});

afterEach(() => store[Symbol.dispose]());

async function exported(crypto: TestBot["crypto"]): Promise<readonly object[]> {
    return (await crypto.exportRoomKeys(ROOM)).sessions;
}

test("a store that was handed over has another account, and every session with the flag that it had", async () => {
    const [before, entries, counts] = [
        await bot.crypto.account(),
        await exported(bot.crypto),
        await bot.crypto.holdings(ROOM),
    ];
    expect(counts).toMatchObject({ shareable: 2, notShareable: 3, unknown: 0 });
    await bot.crypto.setGeneration({ value: 7, published: 7 });
    await bot.crypto.handOver(NEW.deviceId);
    await bot.crypto.close();

    await expect(inThisThread(store.path)).rejects.toMatchObject({ code: "store_of_another_device" });
    const crypto = await inThisThread(store.path, NEW);
    const after = await crypto.account();
    expect(after).toMatchObject({ deviceId: NEW.deviceId, canSign: false, fresh: true });
    expect([after.curve25519, after.ed25519]).not.toEqual([before.curve25519, before.ed25519]);
    expect(await crypto.generation()).toEqual({ value: 0, published: 0 });
    expect(await crypto.roomsWithKeys()).toEqual([ROOM]);

    for (const times of [1, 2]) {
        await crypto.importRoomKeys(await exported(crypto));
        expect([times, await crypto.holdings(ROOM)]).toEqual([times, counts]);
    }
    expect(await exported(crypto)).toEqual(entries);
    await crypto.close();

    const again = await inThisThread(store.path, NEW);
    expect((await again.account()).curve25519).toBe(after.curve25519);
    expect(await exported(again)).toEqual(entries);
    await again.close();
});

test("a copy that the worker made opens as the store did, and a kill before it was emptied is healed by the next opening", async () => {
    const copy = `${store.path}.copy`;
    await bot.crypto.copyStore(copy);
    const { curve25519 } = await bot.crypto.account();
    await bot.crypto.close();
    const copied = await inThisThread(copy);
    expect((await copied.account()).curve25519).toBe(curve25519);
    await copied.handOver(NEW.deviceId);
    await copied.close();

    copyFileSync(copy, store.path);
    const first = await inThisThread(copy, NEW);
    const second = await inThisThread(store.path, NEW);
    expect(new Set([curve25519, (await first.account()).curve25519, (await second.account()).curve25519]).size).toBe(3);
    await first.close();
    await second.close();
    const sql = new DatabaseSync(copy);
    expect(sql.prepare("SELECT value FROM crypto_meta WHERE name = 'machine_to_be_emptied'").get()).toBeUndefined();
    sql.close();
});
