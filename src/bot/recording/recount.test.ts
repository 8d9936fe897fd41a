import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import type { SharingSigns } from "../../crypto/index.ts";
import { openDatabase } from "../../database/index.ts";
import { schemas } from "../folder/schemas.ts";
import { ledgerOn } from "../testing/fixtures/story.ts";
import { copySignsOfOtherRooms, Recount, recountRooms } from "./recount.ts";

test("rooms that were found at the start, and those whose counting failed, are counted with the next batch", async () => {
    const counted: (readonly string[])[] = [];
    let full = true;
    const recount = new Recount(["!old:home"], (roomIds) => {
        counted.push(roomIds);
        return full ? Promise.reject(new Error("disk full")) : Promise.resolve();
    });
    await expect(recount.count(["!new:home"])).rejects.toThrow("disk full");
    full = false;
    await recount.count(["!new:home"]);
    await recount.count([]);
    expect(counted).toEqual([["!old:home", "!new:home"], ["!old:home", "!new:home"], []]);
});

/** A bot's database after a kill: the crypto store has signs of three rooms, and nothing of them was copied. */
function afterAKill() {
    const database = openDatabase({ path: ":memory:", schemas });
    const ledger = ledgerOn(database, tmpdir());
    const join = database.sql.prepare(
        "INSERT INTO rooms (room_id, membership, joined_at, open_since) VALUES (?, ?, 0, 1000)",
    );
    for (const [roomId, membership] of [
        ["!joined:home", "join"],
        ["!left:home", "leave"],
    ] as const)
        join.run(roomId, membership);
    const sign = (userId: string): SharingSigns => ({
        userId,
        machineFlagAt: undefined,
        specFlagAt: undefined,
        silentAt: 100_000,
        bundleAt: 100_000,
    });
    const signs = new Map([
        ["!joined:home", [sign("@alice:home")]],
        ["!left:home", [sign("@bob:home")]],
        ["!never:home", [sign("@carol:home")]],
    ]);
    const asked: string[] = [];
    const crypto = {
        holdings: () => Promise.resolve({ shareable: 0, notShareable: 0, unknown: 0 }),
        sharingSigns: (roomId: string) => (asked.push(roomId), Promise.resolve(signs.get(roomId) ?? [])),
        roomsWithSigns: () => Promise.resolve([...signs.keys()]),
    };
    return { database, ledger, crypto, asked, [Symbol.dispose]: () => database.close() };
}

test("the first count after a start copies what keys say of their senders' clients, weighed by whether the room was open", async () => {
    using bot = afterAKill();
    const { evidence } = bot.ledger;
    await recountRooms(bot.database, bot.ledger, bot.crypto, ["!joined:home"]);
    expect(evidence.of("@alice:home")).toMatchObject({ bundleAt: 100_000, silentWhileOpenAt: 100_000 });
    expect(evidence.of("@bob:home")).toBeUndefined();
});

test("of rooms that the bot is not in, it is copied at the start: a bundle is announced before its invite", async () => {
    using bot = afterAKill();
    const { evidence } = bot.ledger;
    bot.database.sql.exec("UPDATE rooms SET open_since = NULL WHERE membership = 'leave'");
    await copySignsOfOtherRooms(bot.database, bot.ledger, bot.crypto);
    expect(bot.asked).toEqual(["!left:home", "!never:home"]);
    for (const userId of ["@bob:home", "@carol:home"])
        expect(evidence.of(userId)).toMatchObject({ bundleAt: 100_000, silentWhileOpenAt: undefined });
    expect(evidence.of("@alice:home")).toBeUndefined();
});

test("what strangers send for rooms that they made up is not counted, and tells of their clients", async () => {
    using bot = afterAKill();
    await recountRooms(bot.database, bot.ledger, bot.crypto, ["!joined:home", "!never:home"]);
    expect(bot.ledger.holdings.get("!joined:home")).toBeDefined();
    expect(bot.ledger.holdings.get("!never:home")).toBeUndefined();
    expect(bot.ledger.evidence.of("@carol:home")).toMatchObject({ bundleAt: 100_000 });
});
