import { join } from "node:path";
import { expect, test } from "vitest";
import {
    type Database,
    done,
    ended,
    nameOfThrown,
    nextTask,
    openDatabase,
    openStore,
    temporaryFolder,
    type Transaction,
} from "./testing/fixture.ts";

test("a new database starts at version 0 and gets the version asked for, or 1", async () => {
    const store = openStore();
    const seen: number[] = [];
    const note = (_: Database, __: Transaction, oldVersion: number): unknown => seen.push(oldVersion);
    expect((await openDatabase(store, note, undefined, "one")).version).toBe(1);
    expect((await openDatabase(store, note, 7, "seven")).version).toBe(7);
    expect(seen).toEqual([0, 0]);
    expect(await store.indexedDB.databases()).toEqual([
        { name: "one", version: 1 },
        { name: "seven", version: 7 },
    ]);
});

test("an upgrade makes, fills and deletes stores, and its request tells how far it is", async () => {
    const store = openStore();
    const request = store.indexedDB.open("db", 2);
    const log: string[] = [];
    request.addEventListener("upgradeneeded", (event) => {
        const db = request.result as Database;
        log.push(
            `${event.constructor.name} ${String(Reflect.get(event, "oldVersion"))} ${String(Reflect.get(event, "newVersion"))} ${db.version} ${request.readyState}`,
        );
        db.createObjectStore("kept").put("x", 1);
        db.createObjectStore("gone").put("y", 1);
        db.deleteObjectStore("gone");
        expect(request.transaction?.mode).toBe("versionchange");
        request.transaction?.addEventListener("complete", () => log.push("complete"));
        expect(nameOfThrown(() => db.transaction("kept"))).toBe("InvalidStateError");
    });
    request.addEventListener("success", () =>
        log.push(request.transaction === null ? "success" : "success, but the transaction is there"),
    );
    const db = await done<Database>(request);
    expect(log).toEqual(["IDBVersionChangeEvent 0 2 2 done", "complete", "success"]);
    expect([...db.objectStoreNames]).toEqual(["kept"]);
    expect(await done(db.transaction("kept").objectStore("kept").get(1))).toBe("x");
    expect(store.check()).toEqual([]);
});

test("an upgrade goes on through promises and later requests, also into stores made late", async () => {
    const store = openStore();
    let later: Promise<unknown> | undefined;
    const db = await openDatabase(store, (fresh) => {
        later = (async () => {
            await done(fresh.createObjectStore("a").put(1, 1));
            const b = fresh.createObjectStore("b");
            await done(b.put(2, 2));
            b.createIndex("i", "x");
        })();
    });
    await later;
    expect([...db.objectStoreNames]).toEqual(["a", "b"]);
    expect([...db.transaction("b").objectStore("b").indexNames]).toEqual(["i"]);
});

test("an upgrade that is aborted leaves everything as it was: contents, names, version", async () => {
    const store = openStore();
    const first = await openDatabase(store, (fresh) => {
        const a = fresh.createObjectStore("a");
        a.createIndex("i", "x");
        a.put({ x: 1 }, 1);
        fresh.createObjectStore("b");
    });
    first.close();
    let aborted: Database | undefined;
    const failed = openDatabase(
        store,
        (db, transaction) => {
            aborted = db;
            const a = transaction.objectStore("a");
            a.put({ x: 2 }, 2);
            a.deleteIndex("i");
            a.createIndex("j", "y");
            a.name = "renamed";
            db.deleteObjectStore("b");
            const made = db.createObjectStore("c");
            transaction.abort();
            expect([...db.objectStoreNames]).toEqual(["a", "b"]);
            expect([db.version, a.name, [...a.indexNames]]).toEqual([1, "a", ["i"]]);
            expect(nameOfThrown(() => made.indexNames.length === 0 && made.put(1, 1))).toBe("InvalidStateError");
        },
        2,
    );
    await expect(failed).rejects.toMatchObject({ name: "AbortError" });
    expect(nameOfThrown(() => aborted?.transaction("a"))).toBe("InvalidStateError");
    const db = await openDatabase(store);
    expect([db.version, ...db.objectStoreNames]).toEqual([1, "a", "b"]);
    const a = db.transaction("a").objectStore("a");
    expect([...a.indexNames]).toEqual(["i"]);
    expect(await done(a.index("i").getAllKeys())).toEqual([1]);
    expect(store.check()).toEqual([]);
});

test("a first upgrade that is aborted leaves no database", async () => {
    const store = openStore();
    await expect(openDatabase(store, (_, transaction) => transaction.abort())).rejects.toMatchObject({
        name: "AbortError",
    });
    expect(await store.indexedDB.databases()).toEqual([]);
    const seen: number[] = [];
    await openDatabase(store, (_, __, oldVersion) => void seen.push(oldVersion));
    expect(seen).toEqual([0]);
});

test("closing the connection during its upgrade lets the upgrade end and the opening fail", async () => {
    const store = openStore();
    const failed = openDatabase(store, (db) => {
        db.createObjectStore("a");
        db.close();
    });
    await expect(failed).rejects.toMatchObject({ name: "AbortError" });
    expect([...(await openDatabase(store)).objectStoreNames]).toEqual(["a"]);
});

test("a lower version is refused, the same one and none open what is there", async () => {
    const store = openStore();
    (await openDatabase(store, undefined, 3)).close();
    await expect(openDatabase(store, undefined, 2)).rejects.toMatchObject({ name: "VersionError" });
    expect((await openDatabase(store, undefined, 3)).version).toBe(3);
    expect((await openDatabase(store)).version).toBe(3);
});

test.each([0, -1, NaN, "x", 2 ** 53])("%s is not a version", (version) => {
    expect(nameOfThrown(() => openStore().indexedDB.open("db", version))).toBe("TypeError");
});

test("open connections hear of an upgrade and may close; it waits for those that do not", async () => {
    const store = openStore();
    const polite = await openDatabase(store);
    const stubborn = await openDatabase(store);
    const log: string[] = [];
    polite.onversionchange = () => {
        log.push("versionchange");
        polite.close();
    };
    const request = store.indexedDB.open("db", 2);
    const blocked = new Promise<void>((resolve) => request.addEventListener("blocked", () => resolve()));
    request.addEventListener("upgradeneeded", () => log.push("upgradeneeded"));
    await blocked;
    log.push("blocked");
    await nextTask();
    const transaction = stubborn.transaction.length;
    expect(transaction).toBeGreaterThan(0);
    log.push("closing");
    stubborn.close();
    const db = await done<Database>(request);
    expect([db.version, ...log]).toEqual([2, "versionchange", "blocked", "closing", "upgradeneeded"]);
});

test("a connection that was closed still finishes its transactions before the upgrade", async () => {
    const store = openStore();
    const first = await openDatabase(store, (db) => db.createObjectStore("s"));
    const transaction = first.transaction("s", "readwrite");
    transaction.objectStore("s").put("x", 1);
    first.close();
    expect(nameOfThrown(() => first.transaction("s"))).toBe("InvalidStateError");
    const log: string[] = [];
    void ended(transaction).then((end) => log.push(end));
    const second = await openDatabase(store, () => void log.push("upgrade"), 2);
    expect(log).toEqual(["complete", "upgrade"]);
    expect(await done(second.transaction("s").objectStore("s").get(1))).toBe("x");
});

test("deleting a database waits for its connections, removes everything and says which version it was", async () => {
    const store = openStore();
    const db = await openDatabase(store, (fresh) => void fresh.createObjectStore("s").put("x", 1), 4);
    db.onversionchange = () => db.close();
    const request = store.indexedDB.deleteDatabase("db");
    const versions = new Promise((resolve) =>
        request.addEventListener("success", (event) =>
            resolve([Reflect.get(event, "oldVersion"), Reflect.get(event, "newVersion")]),
        ),
    );
    expect(await versions).toEqual([4, null]);
    expect(await store.indexedDB.databases()).toEqual([]);
    expect(store.check()).toEqual([]);
    expect(await done(store.indexedDB.deleteDatabase("never was"))).toBeUndefined();
    expect([...(await openDatabase(store)).objectStoreNames]).toEqual([]);
});

test("openings of one database are served one after the other", async () => {
    const store = openStore();
    const order: string[] = [];
    const open = (name: string, version: number): Promise<unknown> =>
        openDatabase(store, () => void order.push(name), version).then((db) => db.close());
    await Promise.all([open("first", 1), open("second", 2), open("third", 3)]);
    expect(order).toEqual(["first", "second", "third"]);
});

test("object stores change during upgrades only", async () => {
    const store = openStore();
    const db = await openDatabase(store, (fresh) => {
        fresh.createObjectStore("s");
        expect(nameOfThrown(() => fresh.createObjectStore("s"))).toBe("ConstraintError");
        expect(nameOfThrown(() => fresh.deleteObjectStore("t"))).toBe("NotFoundError");
    });
    expect(nameOfThrown(() => db.createObjectStore("t"))).toBe("InvalidStateError");
    expect(nameOfThrown(() => db.deleteObjectStore("s"))).toBe("InvalidStateError");
});

test("names of all kinds are kept exactly", async () => {
    const path = join(temporaryFolder(), "store.sqlite");
    const names = ["", "a\0b", "\ud800", "é😀", "__proto__", "'; DROP TABLE idb_record; --"];
    const first = openStore(path);
    await openDatabase(
        first,
        (db) => {
            for (const name of names) db.createObjectStore(name).createIndex(name, "x");
        },
        1,
        "\udfff",
    );
    first.close();
    const db = await openDatabase(openStore(path), undefined, undefined, "\udfff");
    expect([...db.objectStoreNames]).toEqual(names.toSorted());
    for (const name of names) expect([...db.transaction(name).objectStore(name).indexNames]).toEqual([name]);
});

test("two databases in one file do not see each other", async () => {
    const store = openStore();
    const [a, b] = [
        await openDatabase(store, (db) => void db.createObjectStore("s"), 1, "a"),
        await openDatabase(store, (db) => void db.createObjectStore("s"), 1, "b"),
    ];
    await Promise.all([
        done(a.transaction("s", "readwrite").objectStore("s").put("a", 1)),
        done(b.transaction("s", "readwrite").objectStore("s").put("b", 1)),
    ]);
    expect(await done(a.transaction("s").objectStore("s").getAll())).toEqual(["a"]);
    expect(await done(b.transaction("s").objectStore("s").getAll())).toEqual(["b"]);
});
