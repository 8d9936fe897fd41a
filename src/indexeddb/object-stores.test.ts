import { join } from "node:path";
import { expect, test } from "vitest";
import { done, ended, nameOfThrown, openDatabase, openStore, temporaryFolder, withStore } from "./testing/fixture.ts";

test("put replaces, add refuses what is there, get finds or finds nothing", async () => {
    const { write, read } = await withStore({}, [["one", 1]]);
    expect(await done(write().put("uno", 1))).toBe(1);
    await expect(done(write().add("again", 1))).rejects.toMatchObject({ name: "ConstraintError" });
    expect(await done(write().add("two", 2))).toBe(2);
    expect(await done(read().getAll())).toEqual(["uno", "two"]);
    expect(await done(read().get(3))).toBeUndefined();
});

test("get, getKey, getAll, getAllKeys and count take keys and ranges", async () => {
    const { store, read } = await withStore(
        {},
        [1, 2, 3, 4].map((n) => [`v${n}`, n]),
    );
    const { IDBKeyRange } = store;
    const middle = IDBKeyRange.bound(2, 3);
    expect(await done(read().get(IDBKeyRange.lowerBound(2, true)))).toBe("v3");
    expect(await done(read().getKey(IDBKeyRange.lowerBound(2, true)))).toBe(3);
    expect(await done(read().getKey(9))).toBeUndefined();
    expect(await done(read().getAll(middle))).toEqual(["v2", "v3"]);
    expect(await done(read().getAll(2))).toEqual(["v2"]);
    expect(await done(read().getAll(undefined, 2))).toEqual(["v1", "v2"]);
    expect(await done(read().getAll(null, 0))).toHaveLength(4);
    expect(await done(read().getAllKeys(middle))).toEqual([2, 3]);
    expect(await done(read().getAllKeys(IDBKeyRange.upperBound(9), 3))).toEqual([1, 2, 3]);
    expect(await done(read().count())).toBe(4);
    expect(await done(read().count(middle))).toBe(2);
    expect(await done(read().count(9))).toBe(0);
});

test("delete takes a key or a range, clear takes everything, and nothing is no error", async () => {
    const { store, write, read } = await withStore(
        {},
        [1, 2, 3, 4].map((n) => [n, n]),
    );
    expect(await done(write().delete(9))).toBeUndefined();
    expect(await done(write().delete(1))).toBeUndefined();
    await done(write().delete(store.IDBKeyRange.bound(3, 9)));
    expect(await done(read().getAllKeys())).toEqual([2]);
    expect(await done(write().clear())).toBeUndefined();
    expect(await done(read().count())).toBe(0);
});

test("a key where none may be, none where one must be, and a bad key are DataErrors", async () => {
    const { write: out } = await withStore({});
    expect(nameOfThrown(() => out().put("v"))).toBe("DataError");
    expect(nameOfThrown(() => out().put("v", NaN))).toBe("DataError");
    expect(nameOfThrown(() => out().get(undefined))).toBe("DataError");
    expect(nameOfThrown(() => out().delete(undefined))).toBe("DataError");
    const { write: inline } = await withStore({ keyPath: "id" });
    expect(nameOfThrown(() => inline().put({ id: 1 }, 1))).toBe("DataError");
    expect(nameOfThrown(() => inline().put({}))).toBe("DataError");
    expect(nameOfThrown(() => inline().put({ id: {} }))).toBe("DataError");
    expect(nameOfThrown(() => inline().put("text"))).toBe("DataError");
});

test.each([
    ["a name", "id", { id: 7 }, 7],
    ["a path", "a.b", { a: { b: "x" } }, "x"],
    ["the value itself", "", "self", "self"],
    ["several paths", ["a.b", "id"], { id: 1, a: { b: 2 } }, [2, 1]],
    ["a string's length", "name.length", { name: "four" }, 4],
    ["an array's length", "list.length", { list: ["x", "y"] }, 2],
])("a key path may be %s", async (_, keyPath, value, key) => {
    const { write, read } = await withStore({ keyPath });
    expect(await done(write().put(value))).toEqual(key);
    expect(await done(read().get(key))).toEqual(value);
    expect(read().keyPath).toEqual(keyPath);
});

test("a key path sees own properties only", async () => {
    const { write } = await withStore({ keyPath: "toString" });
    expect(nameOfThrown(() => write().put({}))).toBe("DataError");
});

test.each(["1a", "a.", ".a", "a..b", "a b", "a-b", [], ["a", "b c"]].map((path) => [path]))(
    "%j is not a key path",
    async (keyPath) => {
        await openDatabase(openStore(), (db) => {
            expect(nameOfThrown(() => db.createObjectStore("s", { keyPath }))).toBe("SyntaxError");
        });
    },
);

test("a key generator counts, jumps over numbers that were given, and never goes back", async () => {
    const { write } = await withStore({ autoIncrement: true });
    expect(await done(write().put("a"))).toBe(1);
    expect(await done(write().put("b", 10.9))).toBe(10.9);
    expect(await done(write().put("c"))).toBe(11);
    await done(write().put("d", 5));
    await done(write().put("e", "text"));
    await done(write().put("f", -3));
    await done(write().put("g", new Date(99)));
    expect(await done(write().put("h"))).toBe(12);
    await done(write().clear());
    expect(await done(write().put("i"))).toBe(13);
});

test("a key generator goes on where it was when the store is opened again", async () => {
    const path = join(temporaryFolder(), "store.sqlite");
    const first = openStore(path);
    const db = await openDatabase(first, (fresh) => void fresh.createObjectStore("s", { autoIncrement: true }));
    const transaction = db.transaction("s", "readwrite");
    transaction.objectStore("s").put("a", 41);
    await ended(transaction);
    first.close();
    const again = await openDatabase(openStore(path));
    expect(await done(again.transaction("s", "readwrite").objectStore("s").put("b"))).toBe(42);
});

test("a generated number is put at the key path, through objects that are not there yet", async () => {
    const { write, read } = await withStore({ keyPath: "meta.id", autoIncrement: true });
    const value = { v: 1 };
    expect(await done(write().put(value))).toBe(1);
    expect(value).toEqual({ v: 1 });
    expect(await done(write().put({ meta: { x: 1 } }))).toBe(2);
    expect(await done(write().put({ meta: { id: 7 } }))).toBe(7);
    expect(await done(write().put({}))).toBe(8);
    expect(await done(read().getAll())).toEqual([
        { v: 1, meta: { id: 1 } },
        { meta: { x: 1, id: 2 } },
        { meta: { id: 7 } },
        { meta: { id: 8 } },
    ]);
    expect(nameOfThrown(() => write().put("text"))).toBe("DataError");
    expect(nameOfThrown(() => write().put({ meta: "text" }))).toBe("DataError");
    expect(nameOfThrown(() => write().put({ meta: { id: null } }))).toBe("DataError");
});

test("a number whose record could not be stored is not used up", async () => {
    const { db, read } = await withStore({ autoIncrement: true }, [], (s) =>
        s.createIndex("i", "ix", { unique: true }),
    );
    const transaction = db.transaction("s", "readwrite");
    transaction.addEventListener("error", (event) => event.preventDefault());
    for (const ix of ["a", "a", "b"]) transaction.objectStore("s").put({ ix });
    transaction.objectStore("s").add({ ix: "a" }, 50);
    transaction.objectStore("s").put({ ix: "c" });
    expect(await ended(transaction)).toBe("complete");
    expect(await done(read().index("i").getAllKeys())).toEqual([1, 2, 3]);
});

test("an aborted transaction takes its generated numbers back", async () => {
    const { write, db } = await withStore({ autoIncrement: true }, [["a"]]);
    const transaction = db.transaction("s", "readwrite");
    await done(transaction.objectStore("s").put("b"));
    await done(transaction.objectStore("s").put("c", 50));
    transaction.abort();
    await ended(transaction);
    expect(await done(write().put("d"))).toBe(2);
    await expect(done(write().add("e", 2))).rejects.toMatchObject({ name: "ConstraintError" });
    expect(await done(write().put("f"))).toBe(3);
});

test("a key generator ends at 2 to the 53rd", async () => {
    const { write } = await withStore({ autoIncrement: true });
    await done(write().put("last but one", 2 ** 53 - 1));
    expect(await done(write().put("last"))).toBe(2 ** 53);
    await expect(done(write().put("one more"))).rejects.toMatchObject({ name: "ConstraintError" });
    await done(write().put("far away", 1e300));
    expect(await done(write().put("with a key", "k"))).toBe("k");
});

test("a generator goes with a plain key path only", async () => {
    await openDatabase(openStore(), (db) => {
        expect(nameOfThrown(() => db.createObjectStore("a", { keyPath: "", autoIncrement: true }))).toBe(
            "InvalidAccessError",
        );
        expect(nameOfThrown(() => db.createObjectStore("a", { keyPath: ["x"], autoIncrement: true }))).toBe(
            "InvalidAccessError",
        );
    });
});

test("counts outside of their range are TypeErrors, and what is not covered says so", async () => {
    const { read } = await withStore({});
    expect(nameOfThrown(() => read().getAll(null, -1))).toBe("TypeError");
    expect(nameOfThrown(() => read().getAll(null, 2 ** 32))).toBe("TypeError");
    expect(() => read().getAll({ direction: "prev" })).toThrow(/not covered/);
});
