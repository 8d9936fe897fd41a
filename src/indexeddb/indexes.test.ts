import { expect, test } from "vitest";
import {
    type Database,
    done,
    ended,
    nameOfThrown,
    openDatabase,
    openStore,
    type Transaction,
    walk,
    withStore,
} from "./testing/fixture.ts";

const people = [
    { id: 1, name: "Ada", town: "London", tags: ["maths", "poetry", "maths"] },
    { id: 2, name: "Grace", town: "New York", tags: ["navy"] },
    { id: 3, name: "Alan", town: "London", tags: [] },
    { id: 4, name: "Edsger", tags: "maths" },
];

function withPeople(keyPath: string | string[], options: { unique?: boolean; multiEntry?: boolean } = {}) {
    return withStore(
        { keyPath: "id" },
        people.map((person) => [person]),
        (store) => store.createIndex("i", keyPath, options),
    );
}

test("an index lists records by its key, then by their own, and leaves out those without one", async () => {
    const { read, store } = await withPeople("town");
    const index = read().index("i");
    expect(await done(index.getAllKeys())).toEqual([1, 3, 2]);
    expect(await done(index.getAll("London"))).toEqual([people[0], people[2]]);
    expect(await done(read().index("i").get("London"))).toEqual(people[0]);
    expect(await done(read().index("i").getKey(store.IDBKeyRange.lowerBound("M")))).toBe(2);
    expect(await done(read().index("i").count("London"))).toBe(2);
    expect(await done(read().index("i").count())).toBe(3);
    expect(await done(read().index("i").getAllKeys(store.IDBKeyRange.upperBound("London", true)))).toEqual([]);
    expect(await done(read().index("i").getAll(store.IDBKeyRange.only("London"), 1))).toEqual([people[0]]);
});

test("a compound index has arrays as keys and takes part of them as a range", async () => {
    const { read, store } = await withPeople(["town", "name"]);
    expect(await done(read().index("i").getKey(["London", "Alan"]))).toBe(3);
    const london = store.IDBKeyRange.bound(["London"], ["London", []]);
    expect(await done(read().index("i").getAllKeys(london))).toEqual([1, 3]);
    expect(read().index("i").keyPath).toEqual(["town", "name"]);
});

test("multiEntry files a record under every valid key of an array, once", async () => {
    const { read } = await withPeople("tags", { multiEntry: true });
    const keys = await walk(read().index("i").openCursor(), (cursor) => [cursor.key, cursor.primaryKey]);
    expect(keys).toEqual([
        ["maths", 1],
        ["maths", 4],
        ["navy", 2],
        ["poetry", 1],
    ]);
});

test("without multiEntry an array is one key", async () => {
    const { read } = await withPeople("tags");
    expect(await done(read().index("i").getKey(["navy"]))).toBe(2);
    expect(await done(read().index("i").getAllKeys())).toEqual([4, 3, 1, 2]);
});

test("multiEntry leaves out what is not a key and takes the rest", async () => {
    const { write, read } = await withPeople("tags", { multiEntry: true });
    await done(write().put({ id: 9, tags: [null, "rest", {}, NaN, 7] }));
    const keys = await walk(read().index("i").openCursor(), (cursor) => [cursor.key, cursor.primaryKey]);
    expect(keys).toContainEqual(["rest", 9]);
    expect(keys).toContainEqual([7, 9]);
    expect(keys).toHaveLength(6);
});

test("an index follows when its records change or go", async () => {
    const { write, read, store } = await withPeople("town");
    await done(write().put({ id: 1, town: "Paris" }));
    await done(write().put({ id: 2 }));
    await done(write().delete(3));
    await done(write().put({ id: 4, town: "Austin" }));
    expect(await done(read().index("i").getAllKeys())).toEqual([4, 1]);
    await done(write().delete(store.IDBKeyRange.lowerBound(0)));
    expect(await done(read().index("i").count())).toBe(0);
    await done(write().put({ id: 5, town: "Rome" }));
    await done(write().clear());
    expect(await done(read().index("i").count())).toBe(0);
    expect(store.check()).toEqual([]);
});

test("a unique index refuses a second record with the key, and the store is as before", async () => {
    const { write, read, store } = await withPeople("name", { unique: true });
    await expect(done(write().put({ id: 5, name: "Ada" }))).rejects.toMatchObject({ name: "ConstraintError" });
    await expect(done(write().put({ id: 2, name: "Ada" }))).rejects.toMatchObject({ name: "ConstraintError" });
    expect(await done(read().count())).toBe(4);
    expect(await done(write().put({ id: 1, name: "Ada", town: "Oxford" }))).toBe(1);
    await done(write().put({ id: 6 }));
    await done(write().put({ id: 7 }));
    expect(await done(read().index("i").getAllKeys())).toEqual([1, 3, 4, 2]);
    expect(store.check()).toEqual([]);
});

test("unique with multiEntry looks at every key", async () => {
    const { write, store } = await withStore({ keyPath: "id" }, [[{ id: 1, t: ["a", "b"] }]], (s) =>
        s.createIndex("i", "t", { unique: true, multiEntry: true }),
    );
    await expect(done(write().put({ id: 2, t: ["c", "b"] }))).rejects.toMatchObject({ name: "ConstraintError" });
    expect(await done(write().put({ id: 2, t: ["c", "d", "c"] }))).toBe(2);
    expect(store.check()).toEqual([]);
});

test("after a ConstraintError that was handled, the transaction goes on and commits the rest", async () => {
    const { db, read } = await withPeople("name", { unique: true });
    const transaction = db.transaction("s", "readwrite");
    const store = transaction.objectStore("s");
    void done(store.put({ id: 10, name: "Barbara" }));
    await expect(done(store.put({ id: 11, name: "Ada" }))).rejects.toMatchObject({ name: "ConstraintError" });
    void done(store.put({ id: 12, name: "Katherine" }));
    expect(await ended(transaction)).toBe("complete");
    expect(await done(read().getAllKeys())).toEqual([1, 2, 3, 4, 10, 12]);
});

async function upgraded(change: (db: Database, transaction: Transaction) => void) {
    const { store, db } = await withPeople("town");
    db.close();
    return { store, db: await openDatabase(store, change, 2) };
}

test("an index that is made later covers what is there, and one that was deleted is gone", async () => {
    const { db, store } = await upgraded((_, transaction) => {
        const s = transaction.objectStore("s");
        s.createIndex("names", "name");
        s.deleteIndex("i");
        expect([...s.indexNames]).toEqual(["names"]);
        expect(nameOfThrown(() => s.index("i"))).toBe("NotFoundError");
        expect(nameOfThrown(() => s.deleteIndex("i"))).toBe("NotFoundError");
    });
    expect(await done(db.transaction("s").objectStore("s").index("names").getAllKeys())).toEqual([1, 3, 4, 2]);
    expect(store.check()).toEqual([]);
});

test("where an index was deleted and another made under its name, the name leads to the new one", async () => {
    const { db } = await upgraded((_, transaction) => {
        const s = transaction.objectStore("s");
        s.deleteIndex("i");
        s.createIndex("i", "name");
        expect(s.index("i").keyPath).toBe("name");
    });
    expect(await done(db.transaction("s").objectStore("s").index("i").getAllKeys())).toEqual([1, 3, 4, 2]);
});

test("a unique index over records that are not unique aborts the upgrade", async () => {
    const { store, db } = await withPeople("town");
    db.close();
    let how = "";
    const failed = openDatabase(
        store,
        (_, transaction) => {
            transaction.objectStore("s").createIndex("towns", "town", { unique: true });
            void ended(transaction).then((end) => (how = end));
        },
        2,
    );
    await expect(failed).rejects.toMatchObject({ name: "AbortError" });
    expect(how).toBe("ConstraintError");
    const again = await openDatabase(store);
    expect([again.version, ...again.transaction("s").objectStore("s").indexNames]).toEqual([1, "i"]);
    expect(store.check()).toEqual([]);
});

test("requests before an index is made or deleted see it as it was then", async () => {
    const found: unknown[] = [];
    const { db, store } = await upgraded((_, transaction) => {
        const s = transaction.objectStore("s");
        void done(s.index("i").count()).then((n) => found.push(n));
        s.put({ id: 5, town: "Rome", name: "Enrico" });
        void done(s.index("i").count()).then((n) => found.push(n));
        s.deleteIndex("i");
        s.createIndex("i", "name");
        s.put({ id: 6, town: "Pisa", name: "Leonardo" });
        void done(s.index("i").count()).then((n) => found.push(n));
    });
    expect(found).toEqual([3, 4, 6]);
    expect(await done(db.transaction("s").objectStore("s").index("i").getKey("Leonardo"))).toBe(6);
    expect(store.check()).toEqual([]);
});

test("indexes are made during upgrades only, once per name, and not with impossible options", async () => {
    const { write } = await withPeople("town");
    expect(nameOfThrown(() => write().createIndex("j", "name"))).toBe("InvalidStateError");
    expect(nameOfThrown(() => write().deleteIndex("i"))).toBe("InvalidStateError");
    expect(nameOfThrown(() => write().index("nowhere"))).toBe("NotFoundError");
    await openDatabase(openStore(), (db) => {
        const s = db.createObjectStore("s");
        s.createIndex("i", "a");
        expect(nameOfThrown(() => s.createIndex("i", "a"))).toBe("ConstraintError");
        expect(nameOfThrown(() => s.createIndex("j", "a b"))).toBe("SyntaxError");
        expect(nameOfThrown(() => s.createIndex("j", ["a"], { multiEntry: true }))).toBe("InvalidAccessError");
    });
});

test("an index and a store can be renamed, to a name that is free", async () => {
    const { db } = await upgraded((fresh, transaction) => {
        const s = transaction.objectStore("s");
        s.index("i").name = "towns";
        s.name = "people";
        s.createIndex("names", "name");
        fresh.createObjectStore("other");
        expect(nameOfThrown(() => (s.index("names").name = "towns"))).toBe("ConstraintError");
        expect(nameOfThrown(() => (s.name = "other"))).toBe("ConstraintError");
    });
    expect([...db.objectStoreNames]).toEqual(["other", "people"]);
    const store = db.transaction("people").objectStore("people");
    expect([...store.indexNames]).toEqual(["names", "towns"]);
    expect(await done(store.index("towns").count())).toBe(3);
    expect(nameOfThrown(() => (store.name = "x"))).toBe("InvalidStateError");
});
