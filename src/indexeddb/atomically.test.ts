import { join } from "node:path";
import { expect, test } from "vitest";
import { StoreError, type IndexedDB } from "./index.ts";
import { type Database, done, ended, openDatabase, openStore, temporaryFolder } from "./testing/fixture.ts";

async function prepared(): Promise<{ store: IndexedDB; db: Database; path: string }> {
    const path = join(temporaryFolder(), "store.sqlite");
    const store = openStore(path);
    const db = await openDatabase(store, (fresh) => void fresh.createObjectStore("s", { autoIncrement: true }));
    await store.atomically((sql) => sql.exec("CREATE TABLE ours (n INTEGER)"));
    return { store, db, path };
}

function put(db: Database, value: unknown, key?: unknown): Promise<string> {
    const transaction = db.transaction("s", "readwrite");
    transaction.objectStore("s").put(value, key);
    return ended(transaction);
}

/** What is in both tables, read through a store that was opened anew. */
async function onDisk({
    store,
    path,
}: {
    store: IndexedDB;
    path: string;
}): Promise<{ records: unknown; ours: unknown }> {
    store.close();
    const again = openStore(path);
    const db = await openDatabase(again);
    const ours = await again.atomically((sql) =>
        sql
            .prepare("SELECT n FROM ours")
            .all()
            .map((row) => row["n"]),
    );
    const records = await done(db.transaction("s").objectStore("s").getAll());
    expect(again.check()).toEqual([]);
    return { records, ours };
}

test("IndexedDB transactions and the caller's rows are one commit", async () => {
    const world = await prepared();
    const result = await world.store.atomically(async (sql) => {
        sql.exec("INSERT INTO ours VALUES (1)");
        expect(await put(world.db, "a")).toBe("complete");
        expect(await put(world.db, "b")).toBe("complete");
        sql.exec("INSERT INTO ours VALUES (2)");
        return "answer";
    });
    expect(result).toBe("answer");
    expect(await onDisk(world)).toEqual({ records: ["a", "b"], ours: [1, 2] });
});

test("if the function throws, all of it is undone, transactions that were complete included", async () => {
    const world = await prepared();
    await put(world.db, "before");
    const failed = world.store.atomically(async (sql) => {
        sql.exec("INSERT INTO ours VALUES (1)");
        expect(await put(world.db, "a")).toBe("complete");
        throw new RangeError("no");
    });
    await expect(failed).rejects.toThrow(new RangeError("no"));
    expect(await put(world.db, "after")).toBe("complete");
    expect(await onDisk(world)).toEqual({ records: ["before", "after"], ours: [] });
});

test("a function that throws at once, without a promise, is undone too", async () => {
    const world = await prepared();
    const failed = world.store.atomically((sql) => {
        sql.exec("INSERT INTO ours VALUES (1)");
        throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect(await onDisk(world)).toEqual({ records: [], ours: [] });
});

test("an IndexedDB transaction inside can abort alone; the rest is committed", async () => {
    const world = await prepared();
    await world.store.atomically(async (sql) => {
        await put(world.db, "a");
        const transaction = world.db.transaction("s", "readwrite");
        await done(transaction.objectStore("s").put("b"));
        transaction.abort();
        await ended(transaction);
        sql.exec("INSERT INTO ours VALUES (1)");
        await put(world.db, "c");
    });
    expect(await onDisk(world)).toEqual({ records: ["a", "c"], ours: [1] });
});

test("inside, a later transaction and the caller's SQL see what was written before", async () => {
    const { store, db } = await prepared();
    await store.atomically(async (sql) => {
        await put(db, "a");
        expect(await done(db.transaction("s").objectStore("s").getAll())).toEqual(["a"]);
        expect(sql.prepare("SELECT count(*) AS n FROM idb_record").get()).toEqual({ n: 1 });
    });
});

test("transactions that the function has not waited for are part of it", async () => {
    const world = await prepared();
    const ends: Promise<string>[] = [];
    await world.store.atomically(() => {
        ends.push(put(world.db, "a"), put(world.db, "b"));
        void ends[1]?.then(() => ends.push(put(world.db, "c")));
    });
    expect(await Promise.all(ends)).toEqual(["complete", "complete", "complete"]);
    expect(await onDisk(world)).toEqual({ records: ["a", "b", "c"], ours: [] });
});

test("transactions that are open when the function throws are aborted", async () => {
    const { store, db } = await prepared();
    let end: Promise<string> | undefined;
    const failed = store.atomically(() => {
        end = put(db, "a");
        throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect(await end).toBe("AbortError");
    expect(await done(db.transaction("s").objectStore("s").count())).toBe(0);
});

test("it waits for a writer that runs, and one that is made while it waits comes after it", async () => {
    const { store, db } = await prepared();
    const order: string[] = [];
    const first = put(db, "a", 1).then(() => order.push("first"));
    const atomic = store.atomically(async () => {
        order.push("atomically");
        expect(await done(db.transaction("s").objectStore("s").getAllKeys())).toEqual([1]);
        order.push("atomically read");
    });
    const second = put(db, "b", 2).then(() => order.push("second"));
    await Promise.all([first, atomic, second]);
    expect(order).toEqual(["first", "atomically", "atomically read", "second"]);
});

test("it does not nest, and a second one beside it is refused", async () => {
    const world = await prepared();
    const outer = world.store.atomically(async (sql) => {
        await expect(world.store.atomically(() => undefined)).rejects.toMatchObject({ name: "InvalidStateError" });
        sql.exec("INSERT INTO ours VALUES (1)");
    });
    await expect(world.store.atomically(() => undefined)).rejects.toMatchObject({ name: "InvalidStateError" });
    await outer;
    await world.store.atomically((sql) => sql.exec("INSERT INTO ours VALUES (2)"));
    expect(await onDisk(world)).toEqual({ records: [], ours: [1, 2] });
});

test("what it undoes includes key generators", async () => {
    const { store, db } = await prepared();
    await put(db, "a");
    const failed = store.atomically(async () => {
        await put(db, "b");
        await put(db, "c", 70);
        throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    await put(db, "d");
    expect(await done(db.transaction("s").objectStore("s").getAllKeys())).toEqual([1, 2]);
});

test("an upgrade inside is committed or undone with it, and a database that was undone is closed", async () => {
    const { store, db } = await prepared();
    db.close();
    let upgraded: Database | undefined;
    const failed = store.atomically(async () => {
        upgraded = await openDatabase(store, (fresh) => void fresh.createObjectStore("t"), 2);
        await openDatabase(store, (fresh) => void fresh.createObjectStore("x"), 1, "other");
        throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect(() => upgraded?.transaction("t")).toThrow(/closed/);
    expect(await store.indexedDB.databases()).toEqual([{ name: "db", version: 1 }]);
    await store.atomically(async () =>
        (await openDatabase(store, (fresh) => void fresh.createObjectStore("t"), 2)).close(),
    );
    expect([...(await openDatabase(store)).objectStoreNames]).toEqual(["s", "t"]);
});

test("a function that ends the transaction itself is told so", async () => {
    const { store } = await prepared();
    await expect(store.atomically((sql) => sql.exec("COMMIT"))).rejects.toThrow(/ended the transaction itself/);
    await store.atomically((sql) => sql.exec("INSERT INTO ours VALUES (1)"));
});

test("the caller's own SQL errors come through as they are", async () => {
    const { store } = await prepared();
    await expect(store.atomically((sql) => sql.exec("INSERT INTO nowhere VALUES (1)"))).rejects.toThrow(
        /no such table/,
    );
});

test("on a full disk it is undone, even if the function swallows the transaction's error", async () => {
    const world = await prepared();
    const full = world.store.atomically(async (sql) => {
        sql.exec("INSERT INTO ours VALUES (1)");
        const pages = Number(sql.prepare("PRAGMA page_count").get()?.["page_count"]);
        sql.exec(`PRAGMA max_page_count = ${pages + 5}`);
        expect(await put(world.db, "x".repeat(100_000))).toBe("QuotaExceededError");
        expect(await put(world.db, "small")).not.toBe("complete");
        sql.exec("INSERT INTO ours VALUES (2)");
    });
    await expect(full).rejects.toMatchObject({ name: "StoreError", reason: "disk_full" });
    await expect(full).rejects.toBeInstanceOf(StoreError);
    await world.store.atomically((sql) => sql.exec("PRAGMA max_page_count = 1000000"));
    expect(await put(world.db, "later")).toBe("complete");
    expect(await onDisk(world)).toEqual({ records: ["later"], ours: [] });
});

test("closing the store while it runs undoes it", async () => {
    const world = await prepared();
    const torn = world.store.atomically(async (sql) => {
        sql.exec("INSERT INTO ours VALUES (1)");
        await put(world.db, "a");
        world.store.close();
    });
    await expect(torn).rejects.toThrow();
    expect(await onDisk(world)).toEqual({ records: [], ours: [] });
});
