import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { Failure } from "../../failures/index.ts";
import { createIndexedDB } from "../../indexeddb/index.ts";
import { inThisThread, storeKey, temporaryStore, TestBot } from "./testing/bot.ts";
import { openBundle } from "./testing/bundle.ts";
import { ALICE, expectation, flagsOf, ROOM, sealedBodies, speak } from "./testing/fixtures/story.ts";
import { KeyServer } from "./testing/key-server.ts";
import { machineHolds } from "./testing/machine-holds.ts";

const folder = join(import.meta.dirname, "testing/fixtures");
const fixtures = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
);

function unpack(fixture: string, path: string) {
    writeFileSync(path, gunzipSync(readFileSync(join(folder, fixture, "crypto.sqlite.gz"))));
    return expectation.parse(JSON.parse(readFileSync(join(folder, fixture, "expectation.json"), "utf8")));
}

test.each(fixtures)(
    "%s: the store has everything, its Olm sessions go on, and what was encrypted and not sent is the same",
    async (fixture) => {
        using store = temporaryStore();
        const expected = unpack(fixture, store.path);
        const bot = new TestBot(await inThisThread(store.path), new KeyServer());

        const { curve25519, masterKey, crossSigned, canSign, fresh } = await bot.crypto.account();
        expect({ curve25519, masterKey }).toEqual({ curve25519: expected.curve25519, masterKey: expected.masterKey });
        expect({ crossSigned, canSign, fresh }).toEqual({ crossSigned: true, canSign: true, fresh: false });
        expect(await bot.crypto.holdings(ROOM)).toEqual(expected.holdings);
        expect(await flagsOf(bot)).toEqual(expected.flags);
        expect(await sealedBodies(bot, expected.delivery.masterKey)).toEqual(expected.delivery.bodies);

        await bot.receiveEvents(expected.next.events);
        expect(await flagsOf(bot)).toEqual({ ...expected.flags, [expected.next.sessionId]: true });
        expect(await speak(bot)).toBe(expected.ownSessionId);
        await bot.crypto.close();

        expect(await machineHolds(store.path)).toEqual([]);
        const reopened = createIndexedDB({ path: store.path });
        expect(reopened.check()).toEqual([]);
        reopened.close();
    },
);

test.each(fixtures)("%s: what its upgrade writes is no commit that it had", async (fixture) => {
    using store = temporaryStore();
    unpack(fixture, store.path);
    const before = new DatabaseSync(store.path);
    const had = before.prepare("SELECT value FROM crypto_meta WHERE name = 'commits'").get()?.["value"] ?? "0";
    before.close();
    const crypto = await inThisThread(store.path);
    expect(String(await crypto.commits())).toBe(had);
    await crypto.close();
});

const earlierThanReceiving = /^(?:first|second)-/;

test.each(fixtures.filter((fixture) => !earlierThanReceiving.test(fixture)))(
    "%s: what a bundle gave is still given, and the one that was announced is taken",
    async (fixture) => {
        using store = temporaryStore();
        const { received, holdings, flags } = unpack(fixture, store.path);
        if (received === undefined) throw new Error(`${fixture} has no received bundle`);
        const { given, withheld, offered } = received;
        const bot = new TestBot(await inThisThread(store.path), new KeyServer());

        expect(await bot.crypto.heldSessions(ROOM)).toContainEqual({
            sessionId: given,
            firstIndex: 0,
            verdict: "shareable",
            given: true,
        });
        const [fromStrangers, known] = [
            await openBundle(bot.crypto, ROOM, { strangers: [ALICE] }),
            await openBundle(bot.crypto, ROOM),
        ];
        expect(known.content.withheld).toContainEqual(expect.objectContaining({ session_id: withheld }));
        expect(known.content.room_keys).toContainEqual(expect.objectContaining({ session_id: given }));
        expect(fromStrangers.content.room_keys).not.toContainEqual(expect.objectContaining({ session_id: given }));

        const time = expect.any(Number) as number;
        expect(await bot.crypto.sharingSigns(ROOM)).toEqual([
            { userId: ALICE, machineFlagAt: time, specFlagAt: time, silentAt: time, bundleAt: time },
        ]);

        const { url, sessionId } = offered;
        expect(await bot.crypto.bundleOfferers(ROOM)).toEqual([ALICE]);
        expect(await bot.crypto.offeredBundle(ROOM, ALICE)).toMatchObject({
            url,
            deviceId: "ALICE",
            crossSigned: true,
        });
        const ciphertext = Buffer.from(offered.ciphertext, "base64");
        expect(await bot.crypto.takeBundle({ roomId: ROOM, sender: ALICE, url, ciphertext })).toMatchObject({
            keys: 1,
            taken: 1,
        });
        expect(await flagsOf(bot)).toEqual({ ...flags, [sessionId]: true });
        expect(await bot.crypto.holdings(ROOM)).toEqual({ ...holdings, shareable: holdings.shareable + 1 });
        await bot.crypto.close();
    },
);

test.each(fixtures)("%s: another store key is refused, and not a byte is changed", async (fixture) => {
    using store = temporaryStore();
    unpack(fixture, store.path);
    const before = readFileSync(store.path);
    const wrong = Uint8Array.from(storeKey, (byte) => byte ^ 1);
    await expect(inThisThread(store.path, { storeKey: wrong })).rejects.toMatchObject({ code: "store_key_wrong" });
    expect(readFileSync(store.path).equals(before)).toBe(true);
    expect(readdirSync(store.folder)).toEqual(["crypto.sqlite"]);
});

test("a flipped bit anywhere in a store is without consequence, or the start is refused with a reason: never a fault of ours", async () => {
    const fixture = fixtures.at(-1) ?? "";
    using store = temporaryStore();
    unpack(fixture, store.path);
    const whole = readFileSync(store.path);
    const seen = new Set<string>();
    // A prime, so that it meets every kind of place within the pages.
    for (let at = 97; at < whole.length; at += 6_427) {
        const bytes = Buffer.from(whole);
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
        writeFileSync(store.path, bytes);
        seen.add(await outcomeOfOpening(store.path));
    }
    expect(seen).toContain("store_corrupt");
    expect([...seen].filter((outcome) => !["opened", "store_corrupt", "store_key_wrong"].includes(outcome))).toEqual(
        [],
    );
});

async function outcomeOfOpening(path: string): Promise<string> {
    try {
        await (await inThisThread(path)).close();
        return "opened";
    } catch (error) {
        return error instanceof Failure ? error.code : String(error);
    }
}
