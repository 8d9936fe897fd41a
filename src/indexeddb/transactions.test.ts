import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import {
    done,
    ended,
    nameOfThrown,
    nextTask,
    openDatabase,
    openStore,
    type Request,
    withStore,
} from "./testing/fixture.ts";

async function withTwoStores() {
    const store = openStore();
    const db = await openDatabase(store, (fresh) => {
        fresh.createObjectStore("a").put("first", 1);
        fresh.createObjectStore("b");
    });
    return { store, db };
}

test("a transaction commits by itself when nothing more is asked of it", async () => {
    const { db } = await withTwoStores();
    const transaction = db.transaction(["a", "b"], "readwrite");
    transaction.objectStore("a").put("second", 2);
    transaction.objectStore("b").put("x", 1);
    expect(await ended(transaction)).toBe("complete");
    expect(await done(db.transaction("a").objectStore("a").getAll())).toEqual(["first", "second"]);
    expect(await ended(db.transaction("a", "readwrite"))).toBe("complete");
});

test("abort undoes all of it, fails what is pending, and tells the request, the transaction and the database", async () => {
    const { db } = await withTwoStores();
    const log: string[] = [];
    const transaction = db.transaction(["a", "b"], "readwrite");
    const put = transaction.objectStore("a").put("changed", 1);
    await done(put);
    const pending = transaction.objectStore("b").put("x", 1);
    pending.onerror = (event) => log.push(`request ${event.type} ${pending.error?.name}`);
    transaction.onerror = () => log.push("transaction error");
    transaction.onabort = () => log.push("transaction abort");
    db.onabort = () => log.push("database abort");
    transaction.abort();
    expect(log).toEqual([]);
    expect(await ended(transaction)).toBe("abort");
    expect(log).toEqual(["request error AbortError", "transaction error", "transaction abort", "database abort"]);
    expect(transaction.error).toBeNull();
    expect(put.result).toBe(1);
    expect(await done(db.transaction("a").objectStore("a").get(1))).toBe("first");
    expect(await done(db.transaction("b").objectStore("b").count())).toBe(0);
});

test("an error that nobody handles aborts the transaction with that error", async () => {
    const { db } = await withTwoStores();
    const transaction = db.transaction("a", "readwrite");
    transaction.objectStore("a").put("x", 2);
    transaction.objectStore("a").add("y", 1);
    expect(await ended(transaction)).toBe("ConstraintError");
    expect(await done(db.transaction("a").objectStore("a").count())).toBe(1);
});

test("an error can be handled at the request, the transaction or the database", async () => {
    const { db } = await withTwoStores();
    for (const target of ["request", "transaction", "database"]) {
        const transaction = db.transaction("a", "readwrite");
        const request = transaction.objectStore("a").add("y", 1);
        const listening = { request, transaction, database: db }[target];
        listening?.addEventListener("error", (event) => event.preventDefault(), { once: true });
        expect(await ended(transaction)).toBe("complete");
        expect(request.error?.name).toBe("ConstraintError");
    }
});

test("events are captured down and bubble up, unless stopped; success does not bubble", async () => {
    const { db } = await withTwoStores();
    const log: string[] = [];
    const transaction = db.transaction("a", "readwrite");
    const request = transaction.objectStore("a").add("y", 1);
    db.addEventListener("error", () => log.push("db down"), true);
    transaction.addEventListener("error", (event) => log.push(`transaction down ${event.eventPhase}`), {
        capture: true,
    });
    request.addEventListener("error", (event) =>
        log.push(`request ${event.target === request} ${event.currentTarget === request}`),
    );
    transaction.addEventListener("error", (event) => {
        log.push(`transaction up ${event.target === request} ${event.currentTarget === transaction}`);
        event.stopPropagation();
        event.preventDefault();
    });
    db.addEventListener("error", () => log.push("never"));
    db.addEventListener("success", () => log.push("never"));
    transaction.objectStore("a").count().onsuccess = () => log.push("counted");
    await ended(transaction);
    expect(log).toEqual(["db down", "transaction down 1", "request true true", "transaction up true true", "counted"]);
});

test("listeners can be removed, are added once, and are asked in their order", async () => {
    const { db } = await withTwoStores();
    const log: string[] = [];
    const request = db.transaction("a").objectStore("a").get(1);
    const twice = (): unknown => log.push("twice");
    request.addEventListener("success", twice);
    request.addEventListener("success", twice);
    request.onsuccess = () => log.push("old handler");
    request.addEventListener("success", { handleEvent: () => log.push("object") });
    request.onsuccess = () => log.push("handler");
    const removed = (): unknown => log.push("removed");
    request.addEventListener("success", removed);
    request.removeEventListener("success", removed);
    request.addEventListener("success", (event) => event.stopImmediatePropagation());
    request.addEventListener("success", () => log.push("never"));
    await nextTask();
    await nextTask();
    expect(log).toEqual(["twice", "handler", "object"]);
});

test("requests are answered in the order in which they were made", async () => {
    const { db } = await withTwoStores();
    const transaction = db.transaction(["a", "b"], "readwrite");
    const order: number[] = [];
    const note = (request: Request, n: number): void => request.addEventListener("success", () => order.push(n));
    note(transaction.objectStore("b").put("x", 1), 1);
    note(transaction.objectStore("a").get(1), 2);
    note(transaction.objectStore("b").openCursor(), 3);
    note(transaction.objectStore("a").count(), 4);
    await ended(transaction);
    expect(order).toEqual([1, 2, 3, 4]);
});

test("promise continuations find their transaction alive, a later task does not", async () => {
    const { db } = await withTwoStores();
    const transaction = db.transaction("a", "readwrite");
    const store = transaction.objectStore("a");
    await Promise.resolve();
    await done(store.put(1, 1));
    for (let i = 0; i < 20; i++) await Promise.resolve();
    await done(store.put(2, 2));
    const end = ended(transaction);
    await sleep(5);
    expect(await end).toBe("complete");
    expect(nameOfThrown(() => store.put(3, 3))).toBe("TransactionInactiveError");
    expect(nameOfThrown(() => transaction.objectStore("a"))).toBe("InvalidStateError");
    expect(nameOfThrown(() => transaction.abort())).toBe("InvalidStateError");
    expect(nameOfThrown(() => transaction.commit())).toBe("InvalidStateError");
});

test("commit ends the transaction at once for new requests, and runs those that were made", async () => {
    const { db } = await withTwoStores();
    const transaction = db.transaction("a", "readwrite");
    const store = transaction.objectStore("a");
    const put = store.put("x", 5);
    transaction.commit();
    expect(nameOfThrown(() => store.put("y", 6))).toBe("TransactionInactiveError");
    expect(nameOfThrown(() => transaction.commit())).toBe("InvalidStateError");
    expect(nameOfThrown(() => transaction.abort())).toBe("InvalidStateError");
    put.onsuccess = () => expect(nameOfThrown(() => store.put("y", 6))).toBe("TransactionInactiveError");
    expect(await ended(transaction)).toBe("complete");
    expect(await done(db.transaction("a").objectStore("a").getAllKeys())).toEqual([1, 5]);
});

test("commit does not save a transaction whose request fails", async () => {
    const { db } = await withTwoStores();
    const transaction = db.transaction("a", "readwrite");
    transaction.objectStore("a").put("x", 5);
    transaction.objectStore("a").add("x", 1);
    transaction.commit();
    expect(await ended(transaction)).toBe("ConstraintError");
    expect(await done(db.transaction("a").objectStore("a").count())).toBe(1);
});

test("a writer waits for those before it on the same store, and readers wait for the writer", async () => {
    const { db } = await withTwoStores();
    const log: string[] = [];
    const run = (name: string, mode: "readonly" | "readwrite", value?: number): Promise<unknown> => {
        const transaction = db.transaction("a", mode);
        const store = transaction.objectStore("a");
        const request = value === undefined ? store.get(1) : store.put(value, 1);
        request.onsuccess = () => {
            log.push(`${name} ${String(request.result)}`);
            if (value !== undefined) store.put(value + 1, 1);
        };
        return ended(transaction).then(() => log.push(`${name} done`));
    };
    await Promise.all([
        run("r0", "readonly"),
        run("w1", "readwrite", 10),
        run("r1", "readonly"),
        run("r2", "readonly"),
        run("w2", "readwrite", 20),
        run("r3", "readonly"),
    ]);
    expect(log.filter((line) => /\d (first|\d+)$/.test(line))).toEqual([
        "r0 first",
        "w1 1",
        "r1 11",
        "r2 11",
        "w2 1",
        "r3 21",
    ]);
    expect(log.indexOf("w1 1")).toBeGreaterThan(log.indexOf("r0 done"));
    expect(log.indexOf("r1 11")).toBeGreaterThan(log.indexOf("w1 done"));
    expect(log.indexOf("w2 1")).toBeGreaterThan(log.indexOf("r2 done"));
});

test("a reader beside a writer of another store does not wait for it", async () => {
    const { db } = await withTwoStores();
    const writer = db.transaction("b", "readwrite");
    let writing = true;
    const keepAlive = (): void => {
        if (writing) writer.objectStore("b").put("x", 1).addEventListener("success", keepAlive);
    };
    keepAlive();
    expect(await done(db.transaction("a").objectStore("a").get(1))).toBe("first");
    writing = false;
    expect(await ended(writer)).toBe("complete");
});

test("a listener that throws aborts the transaction, and the exception is not swallowed", async () => {
    const { db } = await withTwoStores();
    const thrown: unknown[] = [];
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => thrown.push(error));
    const transaction = db.transaction("a", "readwrite");
    transaction.objectStore("a").put("x", 1).onsuccess = () => {
        throw new Error("from the listener");
    };
    const end = await ended(transaction);
    for (const other of others) process.on("uncaughtException", other);
    expect(end).toBe("AbortError");
    expect(thrown).toMatchObject([{ message: "from the listener" }]);
    expect(await done(db.transaction("a").objectStore("a").get(1))).toBe("first");
});

test("reading transactions refuse to write", async () => {
    const { db } = await withTwoStores();
    const store = db.transaction("a").objectStore("a");
    for (const write of [() => store.put(1, 1), () => store.add(1, 1), () => store.delete(1), () => store.clear()]) {
        expect(nameOfThrown(write)).toBe("ReadOnlyError");
    }
});

test("a transaction names stores that exist, a mode that exists, and sees only those stores", async () => {
    const { db } = await withTwoStores();
    expect(nameOfThrown(() => db.transaction("c"))).toBe("NotFoundError");
    expect(nameOfThrown(() => db.transaction([]))).toBe("InvalidAccessError");
    expect(nameOfThrown(() => db.transaction("a", "versionchange"))).toBe("TypeError");
    const transaction = db.transaction(["b", "a", "b"]);
    expect([...transaction.objectStoreNames]).toEqual(["a", "b"]);
    expect(transaction.objectStoreNames.contains("c")).toBe(false);
    expect(transaction.objectStoreNames.item(1)).toBe("b");
    expect([
        transaction.mode,
        transaction.db === db,
        transaction.objectStore("a") === transaction.objectStore("a"),
    ]).toEqual(["readonly", true, true]);
    expect(nameOfThrown(() => db.transaction("a").objectStore("b"))).toBe("NotFoundError");
});

test("a request says what it knows when it knows it", async () => {
    const { db } = await withTwoStores();
    const transaction = db.transaction("a");
    const store = transaction.objectStore("a");
    const request = store.get(1);
    expect(request.readyState).toBe("pending");
    expect(nameOfThrown(() => request.result)).toBe("InvalidStateError");
    expect(nameOfThrown(() => request.error)).toBe("InvalidStateError");
    expect([request.source === store, request.transaction === transaction]).toEqual([true, true]);
    await done(request);
    expect([request.readyState, request.result, request.error]).toEqual(["done", "first", null]);
});

test("thousands of requests in one transaction leave the event loop its turns", async () => {
    const { db } = await withStore({});
    const transaction = db.transaction("s", "readwrite");
    for (let i = 0; i < 5000; i++) transaction.objectStore("s").put(i, i);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    expect(await ended(transaction)).toBe("complete");
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
    expect(await done(db.transaction("s").objectStore("s").count())).toBe(5000);
});
