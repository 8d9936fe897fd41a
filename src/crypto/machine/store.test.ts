import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Failure } from "../../failures/index.ts";
import type { CryptoStore } from "./store/context.ts";
import { BOT, inThisThread, storeKey, temporaryStore, TestBot } from "./testing/bot.ts";
import { KeyServer } from "./testing/key-server.ts";
import { MegolmSession } from "./testing/megolm.ts";
import { Peer } from "./testing/peer.ts";

const ROOM = "!room:home";

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;

beforeEach(() => {
    store = temporaryStore();
    server = new KeyServer();
});

afterEach(() => store[Symbol.dispose]());

test("a wrong store key opens nothing and changes nothing", async () => {
    await (await inThisThread(store.path)).close();
    const before = readFileSync(store.path);
    const wrong = inThisThread(store.path, { storeKey: new Uint8Array(32).fill(8) });
    await expect(wrong).rejects.toMatchObject({ code: "store_key_wrong" });
    expect(readFileSync(store.path).equals(before)).toBe(true);
    await (await inThisThread(store.path)).close();
});

test.each([
    ["another user", { userId: "@other:home" }],
    ["another device", { deviceId: "OTHER" }],
])("the store of %s is refused and stays as it is", async (_, other) => {
    await (await inThisThread(store.path)).close();
    const before = readFileSync(store.path);
    await expect(inThisThread(store.path, other)).rejects.toMatchObject({
        code: "store_of_another_device",
        exitCode: 77,
    });
    expect(readFileSync(store.path).equals(before)).toBe(true);
});

test("a store of a newer version is refused", async () => {
    await (await inThisThread(store.path)).close();
    const sql = new DatabaseSync(store.path);
    sql.exec("UPDATE crypto_meta SET value = '99' WHERE name = 'version'");
    sql.close();
    await expect(inThisThread(store.path)).rejects.toMatchObject({ code: "store_too_new" });
});

test("a second opener is told that the store is in use", async () => {
    const first = await inThisThread(store.path);
    await expect(inThisThread(store.path)).rejects.toMatchObject({ code: "store_locked" });
    await first.close();
});

test("a file that is no store is called damaged", async () => {
    const sql = new DatabaseSync(store.path);
    sql.exec("CREATE TABLE other (x)");
    sql.close();
    await expect(inThisThread(store.path)).rejects.toMatchObject({ code: "store_corrupt" });
});

test("what the machine decrypted and our rows are one commit: when our part fails, the event can be received again", async () => {
    const faults: Failure[] = [];
    const failing = { now: false };
    let bot = new TestBot(
        await inThisThread(store.path, { wrap: failingAfterwards(failing), onFault: (reason) => faults.push(reason) }),
        server,
    );
    await bot.publish();
    const alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
    const session = new MegolmSession();
    const content = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        session_id: session.sessionId,
        session_key: session.sharedAt(0),
    };
    await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, shared_history: true });
    const events = server.take(BOT.userId, BOT.deviceId);

    failing.now = true;
    await expect(bot.receiveEvents(events)).rejects.toMatchObject({ code: "worker_died" });
    expect(faults).toHaveLength(1);
    await expect(bot.crypto.ping()).rejects.toMatchObject({ code: "worker_died" });
    failing.now = false;

    lastStore?.close();
    bot = new TestBot(await inThisThread(store.path), server);
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 0, notShareable: 0, unknown: 0 });
    await bot.receiveEvents(events);
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 1, notShareable: 0, unknown: 0 });
    await bot.crypto.close();
});

test("on a full disk nothing is acknowledged, and the machine goes on by itself when there is room", async () => {
    const faults: Failure[] = [];
    const bot = new TestBot(
        await inThisThread(store.path, { wrap: remembered, onFault: (reason) => faults.push(reason) }),
        server,
    );
    await bot.publish();
    const alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
    for (let count = 0; count < 20; count++) {
        const session = new MegolmSession();
        const content = {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: ROOM,
            session_id: session.sessionId,
            session_key: session.sharedAt(0),
        };
        await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, shared_history: true });
    }
    const events = server.take(BOT.userId, BOT.deviceId);

    await lastStore?.atomically((sql) => sql.exec("PRAGMA max_page_count = 1"));
    await expect(bot.receiveEvents(events)).rejects.toMatchObject({ code: "disk_full" });
    await expect(bot.receiveEvents(events)).rejects.toMatchObject({ code: "disk_full" });
    await lastStore?.atomically((sql) => sql.exec("PRAGMA max_page_count = 1000000"));
    await bot.receiveEvents(events);
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 20, notShareable: 0, unknown: 0 });
    expect(faults).toEqual([]);
    await bot.crypto.close();
});

test("neither session keys nor file keys lie in the files as they are", async () => {
    const bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    const charlie = await Peer.join(server, "@charlie:home", "PHONE");
    await charlie.learn(BOT.userId);
    await bot.query(charlie.userId);
    await bot.outgoing.claim([charlie.userId]);
    const session = new MegolmSession();
    const content = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        session_id: session.sessionId,
        session_key: session.sharedAt(0),
    };
    await charlie.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, shared_history: true });
    await bot.receive();
    const fileKey = Buffer.alloc(32, 0x5a).toString("base64url");
    const delivery = {
        deliveryId: "1",
        roomId: ROOM,
        userId: charlie.userId,
        pinnedMasterKey: (await bot.keysOf(charlie.userId)).masterKey ?? "",
        file: {
            v: "v2",
            url: "mxc://home/file",
            key: { alg: "A256CTR", ext: true, k: fileKey, key_ops: ["encrypt", "decrypt"], kty: "oct" },
            iv: "A".repeat(22),
            hashes: { sha256: "A".repeat(43) },
        },
    } as const;
    expect(await bot.crypto.sealBundles([delivery])).toMatchObject([{ identity: "pinned" }]);
    await bot.crypto.close();

    const ratchet = Buffer.from(session.exportedAt(0), "base64").subarray(5, 133);
    const secrets = [
        session.exportedAt(0).slice(8, 48),
        ratchet.toString("latin1"),
        fileKey,
        Buffer.from(storeKey).toString("latin1"),
    ];
    const files = readdirSync(store.folder).map((name) => readFileSync(join(store.folder, name)).toString("latin1"));
    expect(files.join("").includes(session.sessionId)).toBe(true);
    for (const secret of secrets) expect(files.some((file) => file.includes(secret))).toBe(false);
});

let lastStore: CryptoStore | undefined;

function remembered(opened: CryptoStore): CryptoStore {
    lastStore = opened;
    return opened;
}

/** Lets the machine and our rows do everything, and then fails as a full disk or a fault of ours would. */
function failingAfterwards(failing: { readonly now: boolean }): (store: CryptoStore) => CryptoStore {
    return (inner) => {
        lastStore = inner;
        return {
            ...inner,
            atomically: (work) =>
                inner.atomically(async (sql) => {
                    const result = await work(sql);
                    if (failing.now) throw new Error("planted");
                    return result;
                }),
        };
    };
}
