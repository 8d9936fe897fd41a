import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../../database/index.ts";
import { CommitMark, removeMark } from "./commit-mark.ts";
import { schemas } from "./schemas.ts";

let database: Database;
beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas });
});

const has = (commits: number, fresh = false) => ({
    commits: () => Promise.resolve(commits),
    account: () => Promise.resolve({ ...account, fresh }),
});
const account = {
    userId: "@bot:home",
    deviceId: "BOT",
    curve25519: "c",
    ed25519: "e",
    masterKey: null,
    canSign: false,
    crossSigned: false,
};
const atNextStart = (crypto: ReturnType<typeof has>) =>
    new CommitMark(database).requireReached(crypto, "crypto.sqlite");
const behind: unknown = expect.objectContaining({ code: "store_behind" });

test("the number goes with the next transaction, and a store that has fewer commits is refused", async () => {
    const mark = new CommitMark(database);
    const marked = mark.carriedBy(database);
    mark.heard(7);
    await expect(atNextStart(has(0))).resolves.toBeUndefined();
    marked.transaction(() => undefined);
    await expect(atNextStart(has(7))).resolves.toBeUndefined();
    await expect(atNextStart(has(8))).resolves.toBeUndefined();
    await expect(atNextStart(has(6))).rejects.toThrow(behind);
});

test("a transaction that is undone takes the number with it, and the next one carries it", async () => {
    const mark = new CommitMark(database);
    const marked = mark.carriedBy(database);
    mark.heard(7);
    const failing = (): void => {
        throw new Error("in the middle");
    };
    expect(() => marked.transaction(failing)).toThrow("in the middle");
    await expect(atNextStart(has(0))).resolves.toBeUndefined();
    marked.transaction(() => undefined);
    await expect(atNextStart(has(6))).rejects.toThrow(behind);
});

test("found behind once, it stays so, until it is made a new device", async () => {
    const mark = new CommitMark(database);
    mark.heard(7);
    mark.carriedBy(database).transaction(() => undefined);
    await expect(atNextStart(has(6))).rejects.toThrow(behind);
    await expect(atNextStart(has(1_000))).rejects.toThrow(behind);
    removeMark(database.sql);
    await expect(atNextStart(has(6))).resolves.toBeUndefined();
});

test("of a store that is new altogether others say what is wrong", async () => {
    const mark = new CommitMark(database);
    mark.heard(7);
    mark.carriedBy(database).transaction(() => undefined);
    await expect(atNextStart(has(0, true))).resolves.toBeUndefined();
});
