import { expect, test } from "vitest";
import {
    type Database,
    done,
    ended,
    nameOfThrown,
    openDatabase,
    openStore,
    type Store,
    withStore,
} from "./testing/fixture.ts";

// Sentences of the Indexed Database API 3.0 that belong to no other file, by section.

test("2.7.2: readers of one store run beside each other, and a writer waits for all of them", async () => {
    const { db } = await withStore({}, [["a", 1]]);
    const log: string[] = [];
    const keepReading = (name: string, times: number): Promise<string> => {
        const transaction = db.transaction("s");
        const read = (left: number): void => {
            transaction.objectStore("s").get(1).onsuccess = () => {
                log.push(name);
                if (left > 1) read(left - 1);
            };
        };
        read(times);
        return ended(transaction);
    };
    const [first, second] = [keepReading("first", 3), keepReading("second", 3)];
    const writer = db.transaction("s", "readwrite");
    writer.objectStore("s").put("b", 1).onsuccess = () => log.push("writer");
    await Promise.all([first, second, ended(writer)]);
    expect(log.at(-1)).toBe("writer");
    expect(log.indexOf("second")).toBeLessThan(log.lastIndexOf("first"));
});

test("2.7.2: writers with overlapping scopes run in the order in which they were made", async () => {
    const store = openStore();
    const db = await openDatabase(store, (fresh) =>
        ["a", "b", "c"].forEach((name) => void fresh.createObjectStore(name)),
    );
    const log: number[] = [];
    const scopes = [["a", "b"], ["b", "c"], ["c"], ["a"]];
    const ends = scopes.map((scope, n) => {
        const transaction = db.transaction(scope, "readwrite");
        const [name = ""] = scope;
        transaction.objectStore(name).put(n, n).onsuccess = () => log.push(n);
        return ended(transaction);
    });
    await Promise.all(ends);
    for (const [earlier, later] of [
        [0, 1],
        [1, 2],
        [0, 3],
    ] as const) {
        expect(log.indexOf(earlier)).toBeLessThan(log.indexOf(later));
    }
});

test("2.11: with the key 2 to the 53rd a generator is used up, and an abort brings it back", async () => {
    const { db, write, read } = await withStore({ autoIncrement: true });
    const transaction = db.transaction("s", "readwrite");
    await done(transaction.objectStore("s").put("v", 2 ** 53));
    transaction.abort();
    await ended(transaction);
    expect(await done(write().put("v"))).toBe(1);
    await done(write().put("v", 2 ** 53));
    await expect(done(write().put("v"))).rejects.toMatchObject({ name: "ConstraintError" });
    expect(await done(read().getAllKeys())).toEqual([1, 2 ** 53]);
});

test("2.11: only numbers move a generator, in whatever transaction, and each store has its own", async () => {
    const store = openStore();
    const db = await openDatabase(store, (fresh) => {
        for (const name of ["a", "b"]) fresh.createObjectStore(name, { autoIncrement: true });
    });
    const put = (name: string, key?: unknown): Promise<unknown> =>
        done(db.transaction(name, "readwrite").objectStore(name).put("v", key));
    await put("a", 6.9);
    await put("a", "text");
    await put("a", [100]);
    expect([await put("a"), await put("b")]).toEqual([7, 1]);
});

test("4.5: while a value is cloned its transaction is inactive: a getter cannot place requests", async () => {
    const { db } = await withStore({});
    const transaction = db.transaction("s", "readwrite");
    const source = transaction.objectStore("s");
    const tried: string[] = [];
    const value = {
        get sly(): number {
            tried.push(nameOfThrown(() => source.put("from the getter", 2)));
            return 1;
        },
    };
    await done(source.put(value, 1));
    expect(new Set(tried)).toEqual(new Set(["TransactionInactiveError"]));
    expect(await done(source.getAllKeys())).toEqual([1]);
    expect(await ended(transaction)).toBe("complete");
});

test("4.5: a getter that aborts the transaction leaves nothing placed", async () => {
    const { db, read } = await withStore({});
    const transaction = db.transaction("s", "readwrite");
    const value = {
        get sly(): number {
            transaction.abort();
            return 1;
        },
    };
    expect(nameOfThrown(() => transaction.objectStore("s").put(value, 1))).toBe("TransactionInactiveError");
    expect(await ended(transaction)).toBe("abort");
    expect(await done(read().count())).toBe(0);
});

test("4.5, 4.6: what belongs to a store or an index that was deleted is of no use", async () => {
    const seen: string[] = [];
    await openDatabase(openStore(), (fresh) => {
        const made = fresh.createObjectStore("s");
        const index = made.createIndex("i", "x");
        made.deleteIndex("i");
        seen.push(...[() => index.get(1), () => index.count(), () => index.openCursor()].map(nameOfThrown));
        fresh.deleteObjectStore("s");
        const uses = [
            () => made.get(1),
            () => made.put(1, 1),
            () => made.clear(),
            () => made.index("i"),
            () => made.createIndex("j", "x"),
        ];
        seen.push(...uses.map(nameOfThrown));
    });
    expect(new Set(seen)).toEqual(new Set(["InvalidStateError"]));
});

test("5.7: a listener of upgradeneeded that throws aborts the upgrade", async () => {
    const store = openStore();
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
    const failed = openDatabase(store, (fresh) => {
        fresh.createObjectStore("s");
        throw new Error("from the listener");
    });
    await expect(failed).rejects.toMatchObject({ name: "AbortError" });
    expect(await thrown).toMatchObject({ message: "from the listener" });
    for (const other of others) process.on("uncaughtException", other);
    expect(await store.indexedDB.databases()).toEqual([]);
});

test("5.7: an upgrade that is aborted by a failed request brings back names, version, key generators and contents", async () => {
    const store = openStore();
    const first = await openDatabase(store, (fresh) => {
        fresh.createObjectStore("s", { autoIncrement: true }).createIndex("i", "u", { unique: true });
    });
    await done(first.transaction("s", "readwrite").objectStore("s").put({ u: 1 }));
    first.close();
    const failed = openDatabase(
        store,
        (_, transaction) => {
            const s = transaction.objectStore("s");
            s.name = "renamed";
            s.index("i").name = "j";
            s.put({ u: 2 });
            s.put({ u: 2 });
        },
        5,
    );
    await expect(failed).rejects.toMatchObject({ name: "AbortError" });
    const db = await openDatabase(store);
    const s: Store = db.transaction("s", "readwrite").objectStore("s");
    expect([db.version, [...db.objectStoreNames], [...s.indexNames]]).toEqual([1, ["s"], ["i"]]);
    expect(await done(s.put({ u: 2 }))).toBe(2);
});

test("5.2, 5.3: connections hear of a deletion without a new version, and what opens waits for it", async () => {
    const store = openStore();
    const db = await openDatabase(store, (fresh) => void fresh.createObjectStore("s"), 3);
    const heard: unknown[] = [];
    db.onversionchange = (event) => {
        heard.push([Reflect.get(event, "oldVersion"), Reflect.get(event, "newVersion")]);
        db.close();
    };
    const deletion = done(store.indexedDB.deleteDatabase("db"));
    const opened = openDatabase(store, () => undefined, 1);
    await deletion;
    expect([heard, [...(await opened).objectStoreNames]]).toEqual([[[3, null]], []]);
});

test("5.6: an exception in a success listener aborts even if it comes after a write that was fine", async () => {
    const { db, read } = await withStore({});
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    const thrown = new Promise((resolve) => process.once("uncaughtException", resolve));
    const transaction = db.transaction("s", "readwrite");
    transaction.objectStore("s").put("v", 1);
    transaction.objectStore("s").get(1).onsuccess = () => {
        throw new Error("late");
    };
    expect(await ended(transaction)).toBe("AbortError");
    await thrown;
    for (const other of others) process.on("uncaughtException", other);
    expect(await done(read().count())).toBe(0);
});

test.each([EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, Error])(
    "2.3: a %o keeps its kind",
    async (Kind) => {
        const { read } = await withStore({}, [[{ error: new Kind("why") }, 1]]);
        const { error } = await done<{ error: Error }>(read().get(1));
        expect([error instanceof Kind, error.name, error.message]).toEqual([true, Kind.name, "why"]);
    },
);

test("2.3: sparse arrays keep their holes, and numbers their sign", async () => {
    // eslint-disable-next-line no-sparse-arrays -- the hole is meant
    const { read } = await withStore({}, [[[1, , -0, NaN, new DataView(new ArrayBuffer(3), 1)], 1]]);
    const value = await done<unknown[]>(read().get(1));
    expect([value.length, 1 in value, Object.is(value[2], -0), Object.is(value[3], NaN)]).toEqual([
        5,
        false,
        true,
        true,
    ]);
    expect(value[4]).toBeInstanceOf(DataView);
});

test("4.4: a connection that was closed opens no transaction, and its name and version stay", async () => {
    const store = openStore();
    const db: Database = await openDatabase(store, (fresh) => void fresh.createObjectStore("s"), 2);
    db.close();
    db.close();
    expect([db.name, db.version, nameOfThrown(() => db.transaction("s"))]).toEqual(["db", 2, "InvalidStateError"]);
});
