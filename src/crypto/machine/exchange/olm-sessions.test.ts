import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { CryptoStore } from "../store/context.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { type OlmRecipient, OlmStranger } from "../testing/olm.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";
const upload = z.object({ fallback_keys: z.record(z.string(), z.object({ key: z.string() })) });

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;
let us: OlmRecipient;
/** How often the machine was opened. */
let openings: number;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    openings = 0;
    bot = new TestBot(await inThisThread(store.path, { wrap: watched }), server);
    await bot.publish();
    await bot.receiveChanges({ unusedFallbackKeyTypes: [] });
    const request = (await bot.crypto.outgoing()).find(({ kind }) => kind === "keys_upload");
    const [fallback] = Object.values(upload.parse(JSON.parse(request?.body ?? "")).fallback_keys);
    if (fallback === undefined) throw new Error("the bot made no fallback key");
    await bot.outgoing.flush();
    const { curve25519, ed25519 } = await bot.crypto.account();
    us = { userId: BOT.userId, curve25519, ed25519, prekey: fallback.key };
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

/** Counts how often the machine is opened. */
function watched(real: CryptoStore): CryptoStore {
    const install = real.install.bind(real);
    return Object.assign(real, {
        install: (target: object) => {
            openings++;
            install(target);
        },
    });
}

/** Olm sessions in the machine's store; the bot is closed for it. */
async function kept(): Promise<number> {
    await bot.crypto.close();
    using sql = new DatabaseSync(store.path);
    const select =
        "SELECT count(*) AS n FROM idb_record JOIN idb_store ON idb_store.id = idb_record.store WHERE name = ?";
    return Number(sql.prepare(select).get(JSON.stringify("session"))?.["n"]);
}

async function begin(stranger: OlmStranger, sessions: number): Promise<void> {
    const toDevice = Array.from({ length: sessions }, () => stranger.begin(us, "m.dummy", {}));
    await bot.receiveChanges({ toDevice });
}

test("a stranger who begins Olm sessions without end leaves a bounded number of them, on disk and in memory", async () => {
    const mallory = new OlmStranger("@mallory:evil");
    await begin(mallory, 40);
    expect(openings).toBe(1);
    await begin(mallory, 20);
    // Those that were just begun stay.
    await begin(mallory, 10);
    expect([await kept(), openings]).toEqual([30, 2]);
    bot = new TestBot(await inThisThread(store.path, { wrap: watched }), server);
    await begin(mallory, 90);
    expect(await kept()).toBe(50);
});

test("what others sent is read all the same, and who is dropped can begin anew", async () => {
    const [session, later] = [new MegolmSession(), new MegolmSession()];
    const alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
    await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", roomKey(session));
    const mallory = new OlmStranger("@mallory:evil");
    const flood = Array.from({ length: 60 }, () => mallory.begin(us, "m.dummy", {}));
    await bot.receive(...flood);
    await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", roomKey(later));
    await bot.receive(mallory.begin(us, "m.room_key", roomKey(new MegolmSession())));
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 3, notShareable: 0, unknown: 0 });
});

test("a batch of any number of events is taken in steps, each once", async () => {
    const sessions = Array.from({ length: 110 }, () => new MegolmSession());
    const senders = sessions.map((_, index) => new OlmStranger(`@user${index % 10}:far`));
    const toDevice = sessions.map((session, index) => senders[index]?.begin(us, "m.room_key", roomKey(session)));
    const before = await bot.crypto.commits();
    const { rooms } = await bot.receiveChanges({ toDevice });
    expect([rooms, await bot.crypto.commits()]).toEqual([[ROOM], before + 2]);
    expect(await bot.crypto.holdings(ROOM)).toEqual({ shareable: 110, notShareable: 0, unknown: 0 });
});

function roomKey(session: MegolmSession): object {
    const { sessionId } = session;
    const flags = { shared_history: true };
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        session_id: sessionId,
        session_key: session.sharedAt(0),
        ...flags,
    };
}
