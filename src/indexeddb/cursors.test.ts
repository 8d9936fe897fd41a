import { expect, test } from "vitest";
import { type Cursor, done, ended, nameOfThrown, type Request, walk, withStore } from "./testing/fixture.ts";

// Four records under two keys of the index, and one that the index leaves out.
const records = [{ id: 1, k: "a" }, { id: 2, k: "b" }, { id: 3, k: "a" }, { id: 4, k: "b" }, { id: 5 }];

function withRecords() {
    return withStore(
        { keyPath: "id" },
        records.map((record) => [record]),
        (store) => store.createIndex("k", "k"),
    );
}

/** The cursor at its first place. */
async function placed(request: Request): Promise<Cursor> {
    const cursor = await done<Cursor | null>(request);
    if (cursor === null) throw new Error("there is nothing");
    return cursor;
}

test.each([
    ["next", [1, 2, 3, 4, 5]],
    ["nextunique", [1, 2, 3, 4, 5]],
    ["prev", [5, 4, 3, 2, 1]],
    ["prevunique", [5, 4, 3, 2, 1]],
])("over a store, %s goes so", async (direction, keys) => {
    const { read } = await withRecords();
    expect(await walk(read().openCursor(null, direction), (cursor) => cursor.key)).toEqual(keys);
    expect(await walk(read().openKeyCursor(null, direction), (cursor) => cursor.primaryKey)).toEqual(keys);
});

test.each([
    [
        "next",
        [
            ["a", 1],
            ["a", 3],
            ["b", 2],
            ["b", 4],
        ],
    ],
    [
        "nextunique",
        [
            ["a", 1],
            ["b", 2],
        ],
    ],
    [
        "prev",
        [
            ["b", 4],
            ["b", 2],
            ["a", 3],
            ["a", 1],
        ],
    ],
    [
        "prevunique",
        [
            ["b", 2],
            ["a", 1],
        ],
    ],
])("over an index, %s goes so", async (direction, keys) => {
    const { read } = await withRecords();
    expect(
        await walk(read().index("k").openCursor(null, direction), (cursor) => [cursor.key, cursor.primaryKey]),
    ).toEqual(keys);
    const values = await walk(read().index("k").openCursor(null, direction), (cursor) => cursor.value);
    expect(values).toEqual(keys.map(([, id]) => records[Number(id) - 1]));
});

test("a cursor stays within its range", async () => {
    const { read, store } = await withRecords();
    const range = store.IDBKeyRange.bound(2, 4, false, true);
    expect(await walk(read().openCursor(range), (cursor) => cursor.key)).toEqual([2, 3]);
    expect(await walk(read().openCursor(range, "prev"), (cursor) => cursor.key)).toEqual([3, 2]);
    expect(await walk(read().index("k").openCursor("b"), (cursor) => cursor.primaryKey)).toEqual([2, 4]);
    expect(await walk(read().openCursor(9), (cursor) => cursor.key)).toEqual([]);
});

test("a cursor says where it comes from and which way it goes", async () => {
    const { read } = await withRecords();
    const source = read();
    const request = source.openCursor(null, "prev");
    const cursor = await placed(request);
    expect([cursor.source === source, cursor.direction, cursor.request === request]).toEqual([true, "prev", true]);
    expect(nameOfThrown(() => source.openCursor(null, "sideways"))).toBe("TypeError");
});

test("advance goes so many places, and past the end is the end", async () => {
    const { read } = await withRecords();
    expect(
        await walk(
            read().openCursor(),
            (cursor) => cursor.key,
            (cursor) => cursor.advance(2),
        ),
    ).toEqual([1, 3, 5]);
    expect(
        await walk(
            read().openCursor(null, "prev"),
            (cursor) => cursor.key,
            (cursor) => cursor.advance(3),
        ),
    ).toEqual([5, 2]);
    expect(
        await walk(
            read().index("k").openCursor(null, "nextunique"),
            (cursor) => cursor.key,
            (cursor) => cursor.advance(1),
        ),
    ).toEqual(["a", "b"]);
    expect(
        await walk(
            read().openCursor(),
            (cursor) => cursor.key,
            (cursor) => cursor.advance(100),
        ),
    ).toEqual([1]);
    const cursor = await placed(read().openCursor());
    expect(nameOfThrown(() => cursor.advance(0))).toBe("TypeError");
    expect(nameOfThrown(() => cursor.advance(-1))).toBe("TypeError");
});

test("continue with a key goes to it or the next one, and only ahead", async () => {
    const { read } = await withRecords();
    expect(
        await walk(
            read().openCursor(),
            (cursor) => cursor.key,
            (cursor) => cursor.continue(cursor.key === 1 ? 2.5 : undefined),
        ),
    ).toEqual([1, 3, 4, 5]);
    expect(
        await walk(
            read().openCursor(null, "prev"),
            (cursor) => cursor.key,
            (cursor) => cursor.continue(cursor.key === 5 ? 2.5 : undefined),
        ),
    ).toEqual([5, 2, 1]);
    const forward = await placed(read().openCursor(3));
    expect(nameOfThrown(() => forward.continue(3))).toBe("DataError");
    expect(nameOfThrown(() => forward.continue(2))).toBe("DataError");
    expect(nameOfThrown(() => forward.continue(NaN))).toBe("DataError");
    const back = await placed(read().openCursor(3, "prev"));
    expect(nameOfThrown(() => back.continue(3))).toBe("DataError");
    expect(nameOfThrown(() => back.continue(4))).toBe("DataError");
});

test("a reading cursor goes over many records, by steps of all kinds", async () => {
    const { read } = await withStore(
        {},
        Array.from({ length: 200 }, (_, n) => [n, n]),
    );
    const steps = [1, 1, 40, 1, 70, 1, 1];
    const keys = await walk(
        read().openCursor(),
        (cursor) => cursor.key,
        (cursor) => {
            const step = steps.shift();
            if (step === 40) cursor.advance(40);
            else if (step === 70) cursor.continue(Number(cursor.key) + 70);
            else cursor.continue();
        },
    );
    expect(keys.slice(0, 8)).toEqual([0, 1, 2, 42, 43, 113, 114, 115]);
    expect(keys.slice(8)).toEqual(Array.from({ length: 84 }, (_, n) => 116 + n));
});

test("continuePrimaryKey goes to a pair of keys or the next one", async () => {
    const { read } = await withRecords();
    const pair = (cursor: Cursor): unknown[] => [cursor.key, cursor.primaryKey];
    const jump = (key: string, primary: number) => (cursor: Cursor) =>
        cursor.primaryKey === 1 ? cursor.continuePrimaryKey(key, primary) : cursor.continue();
    expect(await walk(read().index("k").openCursor(), pair, jump("b", 3))).toEqual([
        ["a", 1],
        ["b", 4],
    ]);
    const cursor = await placed(read().index("k").openCursor());
    expect(nameOfThrown(() => cursor.continuePrimaryKey("a", 1))).toBe("DataError");
    expect(nameOfThrown(() => cursor.continuePrimaryKey("a", 0))).toBe("DataError");
    const unique = await placed(read().index("k").openCursor(null, "nextunique"));
    expect(nameOfThrown(() => unique.continuePrimaryKey("b", 2))).toBe("InvalidAccessError");
    const overStore = await placed(read().openCursor());
    expect(nameOfThrown(() => overStore.continuePrimaryKey(2, 2))).toBe("InvalidAccessError");
});

test("a cursor that was sent on cannot be sent on again before it has arrived", async () => {
    const { read } = await withRecords();
    const cursor = await placed(read().openCursor());
    cursor.continue();
    expect(nameOfThrown(() => cursor.continue())).toBe("InvalidStateError");
    expect(nameOfThrown(() => cursor.advance(1))).toBe("InvalidStateError");
    expect(cursor.request.readyState).toBe("pending");
    await done(cursor.request);
    expect(cursor.key).toBe(2);
});

test("at the end a cursor has no key, and cannot be moved or changed", async () => {
    const { write } = await withRecords();
    let cursor: Cursor | undefined;
    const request = write().openCursor(5);
    await new Promise<void>((resolve) => {
        request.addEventListener("success", () => {
            if (request.result === null) return resolve();
            cursor = request.result as Cursor;
            cursor.continue();
        });
    });
    expect([cursor?.key, cursor?.primaryKey, cursor?.value]).toEqual([undefined, undefined, undefined]);
    expect(nameOfThrown(() => cursor?.continue())).toBe("InvalidStateError");
    expect(nameOfThrown(() => cursor?.update({ id: 5 }))).toBe("InvalidStateError");
    expect(nameOfThrown(() => cursor?.delete())).toBe("InvalidStateError");
});

test("update and delete change the record that the cursor is at, through the index too", async () => {
    const { write, read, store } = await withRecords();
    const change = (cursor: Cursor): void => {
        if (cursor.primaryKey === 2) cursor.delete();
        else cursor.update({ id: cursor.primaryKey, k: "c", seen: true });
    };
    await walk(write().index("k").openCursor("b"), change);
    expect(await done(read().index("k").getAllKeys("b"))).toEqual([]);
    expect(await done(read().index("k").getAll("c"))).toEqual([{ id: 4, k: "c", seen: true }]);
    await walk(write().openCursor(), (cursor) => cursor.delete());
    expect(await done(read().count())).toBe(0);
    expect(store.check()).toEqual([]);
});

test("update gives the key, may not change it, and makes the record anew if it was deleted", async () => {
    const { write, read } = await withRecords();
    const cursor = await placed(write().openCursor(2));
    expect(nameOfThrown(() => cursor.update({ id: 3 }))).toBe("DataError");
    expect(nameOfThrown(() => cursor.update({}))).toBe("DataError");
    expect(nameOfThrown(() => cursor.update({ id: 2, f: () => 1 }))).toBe("DataCloneError");
    void cursor.delete();
    expect(await done(cursor.update({ id: 2, again: true }))).toBe(2);
    expect(await done(read().get(2))).toEqual({ id: 2, again: true });
});

test("a cursor sees what was written ahead of it and not what was deleted", async () => {
    const { write } = await withRecords();
    const source = write();
    const keys = await walk(source.openCursor(), (cursor) => {
        if (cursor.key === 1) {
            source.delete(2);
            source.put({ id: 2.5 });
        }
        return cursor.key;
    });
    expect(keys).toEqual([1, 2.5, 3, 4, 5]);
});

test("key cursors have no value to change, and reading transactions change nothing", async () => {
    const { write, read } = await withRecords();
    const keyCursor = await placed(write().openKeyCursor());
    expect("value" in keyCursor).toBe(false);
    expect(nameOfThrown(() => keyCursor.delete())).toBe("InvalidStateError");
    expect(nameOfThrown(() => keyCursor.update({ id: 1 }))).toBe("InvalidStateError");
    const reading = await placed(read().openCursor());
    expect(nameOfThrown(() => reading.delete())).toBe("ReadOnlyError");
    expect(nameOfThrown(() => reading.update({ id: 1 }))).toBe("ReadOnlyError");
});

test("after its transaction a cursor is of no use", async () => {
    const { db } = await withRecords();
    const transaction = db.transaction("s", "readwrite");
    const cursor = await placed(transaction.objectStore("s").openCursor());
    await ended(transaction);
    expect(nameOfThrown(() => cursor.continue())).toBe("TransactionInactiveError");
    expect(nameOfThrown(() => cursor.advance(1))).toBe("TransactionInactiveError");
    expect(nameOfThrown(() => cursor.update({ id: 1 }))).toBe("TransactionInactiveError");
    expect(nameOfThrown(() => cursor.delete())).toBe("TransactionInactiveError");
});

test("an update that breaks a unique index fails and moves nothing", async () => {
    const { write, read, store } = await withStore({ keyPath: "id" }, [[{ id: 1, u: 1 }], [{ id: 2, u: 2 }]], (s) =>
        s.createIndex("u", "u", { unique: true }),
    );
    const cursor = await placed(write().openCursor());
    await expect(done(cursor.update({ id: 1, u: 2 }))).rejects.toMatchObject({ name: "ConstraintError" });
    expect(await done(read().get(1))).toEqual({ id: 1, u: 1 });
    expect(store.check()).toEqual([]);
});
