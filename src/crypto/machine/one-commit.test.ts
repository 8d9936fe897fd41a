import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Failure } from "../../failures/index.ts";
import type { CryptoStore } from "./store/context.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "./testing/bot.ts";
import { exported, ROOM, sealedBodies } from "./testing/fixtures/story.ts";
import { KeyServer } from "./testing/key-server.ts";
import { MegolmSession } from "./testing/megolm.ts";
import { Peer } from "./testing/peer.ts";

// Everything that decrypts or encrypts is one outer commit with what it produced, and nothing in it waits.

let file: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let alice: Peer;
let charlie: Peer;

beforeEach(async () => {
    file = temporaryStore();
    server = new KeyServer();
    [alice, charlie] = [
        await Peer.join(server, "@alice:home", "ALICE"),
        await Peer.join(server, "@charlie:home", "PHONE"),
    ];
});

afterEach(() => {
    vi.restoreAllMocks();
    unwatch();
    file[Symbol.dispose]();
});

let unwatch = (): void => undefined;

/** Tells of every IndexedDB transaction that is made, until the test has ended. */
function watchTransactions(prototype: object, heard: (names: unknown, mode: unknown) => void): void {
    const plain = Object.getOwnPropertyDescriptor(prototype, "transaction");
    const transaction: unknown = plain?.value;
    if (plain === undefined || typeof transaction !== "function") throw new Error("A database has no transactions.");
    unwatch = () => void Object.defineProperty(prototype, "transaction", plain);
    Object.defineProperty(prototype, "transaction", {
        ...plain,
        value(this: unknown, ...args: unknown[]): unknown {
            heard(args[0], args[1]);
            return Reflect.apply(transaction, this, args);
        },
    });
}

type Operation = (bot: TestBot) => Promise<unknown>;

/** Everything that moves a ratchet or takes keys in, in an order in which each can be done. */
const operations: Readonly<Record<string, Operation>> = {
    receive: async (bot) => {
        await alice.learn(BOT.userId);
        const session = new MegolmSession();
        const content = {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: ROOM,
            session_id: session.sessionId,
            session_key: session.sharedAt(0),
        };
        await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, shared_history: true });
        await bot.receive();
    },
    importRoomKeys: (bot) => bot.crypto.importRoomKeys([exported(new MegolmSession())]),
    trackUsers: (bot) => bot.crypto.trackUsers([alice.userId]),
    outgoing: (bot) => bot.crypto.outgoing(),
    query: (bot) => bot.query(alice.userId),
    claim: async (bot) => {
        await bot.query(charlie.userId);
        await bot.outgoing.claim([alice.userId, charlie.userId]);
    },
    shareRoomKey: (bot) => bot.crypto.shareRoomKey(ROOM, [alice.userId], "shared"),
    encryptRoomEvent: (bot) => bot.crypto.encryptRoomEvent(ROOM, "m.room.message", { body: "hello" }),
    rotate: (bot) => bot.crypto.rotate(ROOM),
    sealBundles: async (bot) => sealedBodies(bot, (await bot.keysOf(charlie.userId)).masterKey ?? ""),
    signOwnDevice: (bot) => bot.crypto.signOwnDevice(),
    importIdentity: async (bot) => {
        const secrets = await bot.crypto.exportIdentity();
        if (secrets !== undefined) await bot.crypto.importIdentity(secrets);
    },
    forgetRoom: (bot) => bot.crypto.forgetRoom(ROOM),
};

test("nothing is written outside of an outer commit, and nothing inside of one waits for a timer", async () => {
    let inside = false;
    const sins: string[] = [];
    let current = "opening";
    let writes = 0;
    const watched = (inner: CryptoStore): CryptoStore => {
        watchTransactions(inner.IDBDatabase.prototype, (names, mode) => {
            if (mode !== "readwrite") return;
            writes += 1;
            if (!inside) sins.push(`${current} writes ${JSON.stringify(names)} outside of a commit`);
        });
        return {
            ...inner,
            atomically: async (work) =>
                inner.atomically(async (sql) => {
                    inside = true;
                    try {
                        return await work(sql);
                    } finally {
                        inside = false;
                    }
                }),
        };
    };
    const bot = new TestBot(await inThisThread(file.path, { wrap: watched }), server);
    await bot.publish();
    const setTimer = globalThis.setTimeout;
    vi.spyOn(globalThis, "setTimeout").mockImplementation((...args: Parameters<typeof setTimer>) => {
        if (inside) sins.push(`${current} waits for a timer in a commit`);
        return setTimer(...args);
    });
    for (const [name, operation] of Object.entries(operations)) {
        current = name;
        await operation(bot);
    }
    await bot.crypto.close();
    expect(sins).toEqual([]);
    expect(writes).toBeGreaterThan(Object.keys(operations).length);
});

test.each(Object.keys(operations))(
    "%s: when the commit fails, nothing is answered, the machine is given up, and after a restart it can be done again",
    async (name) => {
        const faults: Failure[] = [];
        let failing = false;
        let opened: CryptoStore | undefined;
        const wrap = (inner: CryptoStore): CryptoStore => {
            opened = inner;
            return {
                ...inner,
                atomically: async (work) =>
                    inner.atomically(async (sql) => {
                        const result = await work(sql);
                        if (failing) throw new Error("planted");
                        return result;
                    }),
            };
        };
        let bot = new TestBot(
            await inThisThread(file.path, { wrap, onFault: (reason) => faults.push(reason) }),
            server,
        );
        await bot.publish();
        for (const [before, operation] of Object.entries(operations)) {
            if (before === name) break;
            await operation(bot);
        }
        failing = true;
        await expect(operations[name]?.(bot)).rejects.toMatchObject({ code: "worker_died" });
        expect(faults).toHaveLength(1);
        await expect(bot.crypto.ping()).rejects.toMatchObject({ code: "worker_died" });
        opened?.close();

        bot = new TestBot(await inThisThread(file.path), server);
        // Preparing a room for an encryption is of one run only.
        if (name === "encryptRoomEvent") await operations["shareRoomKey"]?.(bot);
        await operations[name]?.(bot);
        await bot.crypto.close();
    },
);
