import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { createIndexedDB, type IndexedDB } from "./index.ts";
import { type Database, ended, openDatabase, openStore, temporaryFolder } from "./testing/fixture.ts";

/** A store with a thousand records under one index, closed. */
async function filled(): Promise<string> {
    const path = join(temporaryFolder(), "store.sqlite");
    const store = openStore(path);
    const db = await openDatabase(store, (fresh) => fresh.createObjectStore("s").createIndex("i", "group"));
    await put(db, 0, 1000);
    store.close();
    return path;
}

function put(db: Database, from: number, to: number): Promise<string> {
    const transaction = db.transaction("s", "readwrite");
    for (let n = from; n < to; n++) transaction.objectStore("s").put({ n, group: n % 7, text: "x".repeat(100) }, n);
    return ended(transaction);
}

function change(path: string, statement: string): void {
    const sql = new DatabaseSync(path);
    sql.exec(statement);
    sql.close();
}

async function inPieces(store: IndexedDB, between: () => unknown = () => undefined): Promise<string[]> {
    const found: string[] = [];
    const pieces = store.checkInPieces();
    for (let step = pieces.next(); step.done !== true; step = pieces.next()) {
        found.push(...step.value);
        await between();
    }
    return found;
}

// Of these places the opening's sample reads none.
test.each([
    [
        "a value that was changed",
        "UPDATE idb_record SET value = CAST('nonsense' AS BLOB) WHERE id = 500",
        /record 500: .*checksum/,
    ],
    ["an index that lost a record", "DELETE FROM idb_entry WHERE record = 500 AND idx = 2", /missing in an index/],
    ["an index that leads nowhere", "DELETE FROM idb_record WHERE id = 500", /lead to no record|has 999|missing/],
])("%s is found by the full check, and by the one in pieces", async (_, statement, problem) => {
    const path = await filled();
    change(path, statement);
    const store = openStore(path);
    expect(store.check().join("\n")).not.toBe("");
    expect((await inPieces(store)).join("\n")).toMatch(problem);
});

test("what is written and deleted between two pieces is no damage", async () => {
    const store = openStore(await filled());
    const db = await openDatabase(store);
    let next = 1000;
    const found = await inPieces(store, async () => {
        // The check comes to its end only if the writer does.
        if (next > 2000) return;
        await put(db, next, next + 150);
        const transaction = db.transaction("s", "readwrite");
        transaction.objectStore("s").delete(next - 1000);
        transaction.objectStore("s").put({ group: "moved" }, 999);
        await ended(transaction);
        next += 150;
    });
    expect(found).toEqual([]);
    expect(store.check()).toEqual([]);
});

test("a store is read whole, and in several pieces", async () => {
    const store = openStore(await filled());
    let pieces = 0;
    expect(await inPieces(store, () => pieces++)).toEqual([]);
    expect(pieces).toBeGreaterThan(8);
});

test.each([
    ["its first record is damaged", "UPDATE idb_record SET sum = sum + 1 WHERE id = 1"],
    ["its last record is damaged", "UPDATE idb_record SET sum = sum + 1 WHERE id = 1000"],
    ["a store does not lead to its last record", "DELETE FROM idb_entry WHERE record = 1000"],
])("a store is refused when it is opened if %s", async (_, statement) => {
    const path = await filled();
    change(path, statement);
    expect(() => createIndexedDB({ path })).toThrow(expect.objectContaining({ reason: "corrupt" }));
});
