import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assemble } from "./create.ts";
import type { IndexedDB } from "./index.ts";
import { type Database, done, ended, openDatabase, openStore, temporaryFolder } from "./testing/fixture.ts";

/** A store with 200 records of one transaction, which are left unfiled. */
async function withUnfiled() {
    const path = join(temporaryFolder(), "store.sqlite");
    const store = openStore(path);
    const db = await openDatabase(store, (fresh) => fresh.createObjectStore("s").createIndex("i", "group"));
    const transaction = db.transaction("s", "readwrite");
    for (let n = 0; n < 200; n++) transaction.objectStore("s").put({ n, group: n % 2 }, n);
    await ended(transaction);
    return { path, store, db };
}

function entries(store: IndexedDB): Promise<unknown> {
    return store.atomically((sql) => sql.prepare("SELECT count(*) AS n FROM idb_entry").get()?.["n"]);
}

function write(
    db: Database,
    change: (s: ReturnType<ReturnType<Database["transaction"]>["objectStore"]>) => void,
): Promise<string> {
    const transaction = db.transaction("s", "readwrite");
    change(transaction.objectStore("s"));
    return ended(transaction);
}

test("many new records wait to be filed, and are found, replaced and deleted by their keys meanwhile", async () => {
    const { store, db } = await withUnfiled();
    expect(await done(db.transaction("s").objectStore("s").get(7))).toEqual({ n: 7, group: 1 });
    expect(await write(db, (s) => s.add({}, 7))).toBe("ConstraintError");
    expect(await write(db, (s) => s.put({ n: 7, group: 2 }, 7))).toBe("complete");
    expect(await write(db, (s) => s.delete(8))).toBe("complete");
    expect(await done(db.transaction("s").objectStore("s").get(7))).toEqual({ n: 7, group: 2 });
    expect(await done(db.transaction("s").objectStore("s").get(8))).toBeUndefined();
    expect(await entries(store)).toBe(0);
    expect(await done(db.transaction("s").objectStore("s").index("i").getKey(2))).toBe(7);
    expect(await entries(store)).toBe(2 * 199);
    expect(store.check()).toEqual([]);
});

test("they are known again after a kill and after a rollback", async () => {
    const { path, db } = await withUnfiled();
    expect(await write(db, (s) => s.put({}, 999).transaction?.abort())).toBe("abort");
    const copy = join(temporaryFolder(), "copy.sqlite");
    // What a kill leaves behind: the file and its log.
    for (const part of ["", "-wal"]) copyFileSync(path + part, copy + part);
    for (const reopened of [db, await openDatabase(openStore(copy))]) {
        expect(await done(reopened.transaction("s").objectStore("s").get(199))).toEqual({ n: 199, group: 1 });
        expect(await done(reopened.transaction("s").objectStore("s").count())).toBe(200);
        expect(await done(reopened.transaction("s").objectStore("s").index("i").count(1))).toBe(100);
    }
});

test("a store that was closed has everything filed", async () => {
    const { path, store } = await withUnfiled();
    store.close();
    expect(await entries(openStore(path))).toBe(400);
});

test("a record whose bytes are damaged before it was filed does not keep the store from opening", async () => {
    const { path, store } = await withUnfiled();
    await store.atomically((sql) => sql.exec("UPDATE idb_record SET value = x'00' WHERE id = 5"));
    const copy = join(temporaryFolder(), "copy.sqlite");
    for (const part of ["", "-wal"]) copyFileSync(path + part, copy + part);
    const again = openStore(copy);
    const db = await openDatabase(again);
    await expect(done(db.transaction("s").objectStore("s").get(4))).rejects.toMatchObject({ name: "UnknownError" });
    expect(await done(db.transaction("s").objectStore("s").count())).toBe(200);
    expect(again.check().join()).toMatch(/checksum/);
});

test("a full disk keeps unfiled records from being filed, not from being found, and harms nothing", async () => {
    const { store, db } = await withUnfiled();
    await store.atomically((sql) => {
        const pages = Number(sql.prepare("PRAGMA page_count").get()?.["page_count"]);
        sql.exec(`PRAGMA max_page_count = ${pages}`);
    });
    const read = (): Promise<unknown> => done(db.transaction("s").objectStore("s").index("i").count(1));
    // This limit, unlike a disk's, is felt when a page is made, so the reading itself fails here, and harms nothing.
    await expect(read()).rejects.toMatchObject({ name: "QuotaExceededError" });
    expect(await done(db.transaction("s").objectStore("s").get(3))).toEqual({ n: 3, group: 1 });
    await store.atomically((sql) => sql.exec("PRAGMA max_page_count = 1000000"));
    expect(await read()).toBe(100);
    expect(store.check()).toEqual([]);
});

test("a store that files at every fifth record holds the same as one that files at the end", async () => {
    const contents = await Promise.all(
        [5, 1e9].map(async (many) => {
            const store = assemble(join(temporaryFolder(), "store.sqlite"), { few: -1, many, most: many });
            const db = await openDatabase(store, (fresh) => fresh.createObjectStore("s").createIndex("i", "group"));
            await write(db, (s) => {
                for (let n = 0; n < 37; n++) s.put({ n, group: n % 3 }, (n * 7) % 31);
            });
            const s = db.transaction("s").objectStore("s");
            const found = await Promise.all([done(s.getAll()), done(s.index("i").getAllKeys())]);
            expect(store.check()).toEqual([]);
            store.close();
            return found;
        }),
    );
    expect(contents[0]).toEqual(contents[1]);
});
