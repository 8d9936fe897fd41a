import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fakeIndexedDB from "fake-indexeddb";
import * as fc from "fast-check";
import { expect } from "vitest";
import {
    type CursorPlan,
    type Op,
    type Program,
    program,
    type Query,
    type TransactionPlan,
    type UpgradeOp,
} from "./programs.ts";
import { assemble } from "../create.ts";
import type { IndexedDB } from "../index.ts";
import { type Find, IndexNames } from "./index-names.ts";
import { usualLimits } from "../filing.ts";

type Api = Pick<IndexedDB, "indexedDB" | "IDBKeyRange">;
type Database = InstanceType<IndexedDB["IDBDatabase"]>;
type Store = InstanceType<IndexedDB["IDBObjectStore"]>;
type Index = InstanceType<IndexedDB["IDBIndex"]>;
type Transaction = InstanceType<IndexedDB["IDBTransaction"]>;
type Request = InstanceType<IndexedDB["IDBRequest"]>;
type Cursor = InstanceType<IndexedDB["IDBCursorWithValue"]>;

// Its own types need those of a browser.
const Fake = fakeIndexedDB as unknown as { IDBFactory: new () => Api["indexedDB"]; IDBKeyRange: Api["IDBKeyRange"] };

// Records that are filed as usual, only when they are looked for, and soon but not at once.
const filing = fc.constantFrom(
    usualLimits,
    { few: -1, many: Infinity, most: Infinity },
    { few: -1, many: 2, most: 2 },
    { few: 1, many: 3, most: 20 },
);

/**
 * Runs so many random programs here and on fake-indexeddb: what scripts see has to be the same, and the file in order.
 */
export async function compareWithFake(runs: number, seed: number): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "indexeddb-fuzz-"));
    let number = 0;
    const property = fc.asyncProperty(program, filing, async (plan, filing) => {
        const path = join(folder, `${number++}.sqlite`);
        const ours = assemble(path, filing);
        const fake = { indexedDB: new Fake.IDBFactory(), IDBKeyRange: Fake.IDBKeyRange };
        try {
            const expected = await run(fake, plan);
            expect(await run(ours, plan)).toEqual(expected);
            expect(ours.check()).toEqual([]);
        } finally {
            ours.close();
            rmSync(path);
        }
    });
    try {
        await fc.assert(property, { numRuns: runs, seed });
    } finally {
        rmSync(folder, { recursive: true });
    }
}

/** Everything that a script could see, as plain data. */
async function run(api: Api, plan: Program): Promise<unknown[]> {
    const seen: unknown[] = [];
    let version = 0;
    for (const { upgrade, ending, transactions } of plan) {
        const log: unknown[] = [];
        seen.push(log);
        const db = await open(api, ++version, upgrade, ending, log);
        if (db === undefined) {
            version--;
            continue;
        }
        log.push(...schema(db));
        const running = transactions.map((t) => transact(api, db, t));
        log.push(...(await Promise.all(running)));
        log.push(await contents(db));
        db.close();
    }
    return seen;
}

function open(
    api: Api,
    version: number,
    ops: UpgradeOp[],
    ending: string,
    log: unknown[],
): Promise<Database | undefined> {
    return new Promise((resolve) => {
        const request = api.indexedDB.open("db", version);
        request.addEventListener("upgradeneeded", () => {
            const db = request.result as Database;
            const transaction = request.transaction as Transaction;
            const names = new IndexNames();
            for (const op of ops) log.push(attempt(() => change(api, db, transaction, op, log, names)));
            if (ending === "abort") log.push(attempt(() => transaction.abort()));
        });
        request.onsuccess = () => resolve(request.result as Database);
        request.onerror = (event) => {
            log.push(["open failed", request.error?.name]);
            event.preventDefault();
            resolve(undefined);
        };
    });
}

function change(
    api: Api,
    db: Database,
    transaction: Transaction,
    op: UpgradeOp,
    log: unknown[],
    names: IndexNames,
): unknown {
    switch (op.kind) {
        case "createStore":
            return db.createObjectStore(op.store, { keyPath: op.keyPath as string, autoIncrement: op.autoIncrement })
                .name;
        case "deleteStore":
            return db.deleteObjectStore(op.store);
        case "renameStore":
            return (transaction.objectStore(op.store).name = op.to);
        case "createIndex":
            return transaction.objectStore(op.store).createIndex(op.index, op.keyPath, op).name;
        case "deleteIndex":
            return names.delete(transaction.objectStore(op.store), op.index);
        case "renameIndex":
            return names.rename(transaction.objectStore(op.store), op.index, op.to);
        case "request":
            return place(api, transaction, op.op, op.store, {
                find: names.find,
                log,
                number: log.length + 100,
                next: () => undefined,
            });
    }
}

function transact(api: Api, db: Database, plan: TransactionPlan): Promise<unknown> {
    const log: unknown[] = [];
    return new Promise((resolve) => {
        let transaction: Transaction;
        try {
            transaction = db.transaction(plan.stores, plan.mode);
        } catch (error) {
            resolve(["no transaction", nameOf(error)]);
            return;
        }
        for (const type of ["abort", "complete"]) {
            transaction.addEventListener(type, () => {
                log.push([type, transaction.error?.name]);
                resolve(log);
            });
        }
        const queue = [...plan.ops.entries()];
        const next = (): void => {
            const [entry] = queue.splice(0, 1);
            if (entry === undefined) log.push(["end", plan.ending, attempt(() => finish(transaction, plan.ending))]);
            else if (!placeOne(entry)) next();
        };
        const placeOne = ([number, { store, op }]: [number, { store: string; op: Op }]): boolean => {
            const following = plan.chained ? next : () => undefined;
            const find: Find = (of, name) => of.index(name);
            const outcome = attempt(() => place(api, transaction, op, store, { find, log, number, next: following }));
            if (outcome !== undefined) log.push([number, "threw", outcome]);
            return outcome === undefined;
        };
        if (plan.chained) return next();
        for (const entry of queue.splice(0)) placeOne(entry);
        next();
    });
}

function finish(transaction: Transaction, ending: string): void {
    if (ending === "abort") transaction.abort();
    if (ending === "commit") transaction.commit();
}

/** Places a request and logs what comes of it. */
function place(
    api: Api,
    transaction: Transaction,
    op: Op,
    storeName: string,
    { find, log, number, next }: { find: Find; log: unknown[]; number: number; next: () => void },
): undefined {
    const store = transaction.objectStore(storeName);
    const source = op.index === undefined ? store : find(store, op.index);
    const request = requestOf(api, store, source, op);
    request.onsuccess = () => {
        if (op.kind === "cursor") return walk(request, op.walk, log, number, next);
        log.push([number, plain(request.result)]);
        next();
    };
    request.onerror = (event) => {
        log.push([number, "failed", request.error?.name]);
        if (op.prevent) event.preventDefault();
        if (op.prevent && op.kind !== "cursor") next();
    };
}

function requestOf(api: Api, store: Store, source: Store | Index, op: Op): Request {
    const query = rangeOf(api, op.query);
    switch (op.kind) {
        case "put":
        case "add":
            return op.key.given
                ? store[op.kind](given(store, op.value), given(store, op.key.key))
                : store[op.kind](given(store, op.value));
        case "delete":
            return store.delete(query);
        case "clear":
            return store.clear();
        case "get":
        case "getKey":
        case "count":
            return source[op.kind](query);
        case "getAll":
        case "getAllKeys":
            // What is neither a key nor a range is an options bag in the newest draft, which is not covered here.
            return source[op.kind](
                query === true || (query !== null && query?.constructor === Object) ? undefined : query,
                op.count,
            );
        case "cursor":
            return op.walk.withValue
                ? source.openCursor(query, op.walk.direction)
                : source.openKeyCursor(query, op.walk.direction);
    }
}

// An abort puts back what a given number did to a key generator (section 2.11); fake-indexeddb forgets to. And a
// property that is undefined is one that is missing, for which a key is generated (section 7.1); fake-indexeddb takes
// it for an invalid key.
function given(store: Store, value: unknown): unknown {
    if (!store.autoIncrement) return value;
    if (typeof value === "number") return String(value);
    if (typeof value !== "object" || value === null || value instanceof Date || value instanceof ArrayBuffer)
        return value;
    if (Array.isArray(value)) return value.map((part) => given(store, part));
    const parts = Object.entries(value).filter(([, part]) => part !== undefined);
    return Object.fromEntries(parts.map(([name, part]) => [name, given(store, part)]));
}

function walk(request: Request, plan: CursorPlan, log: unknown[], number: number, then: () => void): void {
    const cursor = request.result as Cursor | null;
    log.push([
        number,
        "at",
        cursor && [plain(cursor.key), plain(cursor.primaryKey), plan.withValue ? plain(cursor.value) : null],
    ]);
    const step =
        cursor &&
        plan.steps[log.filter((entry) => Array.isArray(entry) && entry[0] === number && entry[1] === "at").length - 1];
    if (!cursor || !step) return then();
    const changed = (change: Request): void => {
        change.onsuccess = () => log.push([number, "changed", plain(change.result)]);
        change.onerror = (event) => {
            log.push([number, "not changed", change.error?.name]);
            event.preventDefault();
        };
    };
    if (step.update) log.push([number, "update", attempt(() => changed(cursor.update(step.value)))]);
    if (step.remove) log.push([number, "remove", attempt(() => changed(cursor.delete()))]);
    const moved = attempt(() => {
        if (step.move === "advance") cursor.advance(step.count);
        else if (step.move === "key") cursor.continue(step.key);
        else if (step.move === "primary") cursor.continuePrimaryKey(step.key, step.primaryKey);
        else cursor.continue();
    });
    log.push([number, "moved", moved]);
    if (moved !== undefined) then();
}

function rangeOf({ IDBKeyRange }: Api, query: Query): unknown {
    switch (query.kind) {
        case "key":
            return query.lower;
        case "only":
            return IDBKeyRange.only(query.lower);
        case "lower":
            return IDBKeyRange.lowerBound(query.lower, query.lowerOpen);
        case "upper":
            return IDBKeyRange.upperBound(query.upper, query.upperOpen);
        case "bound":
            return IDBKeyRange.bound(query.lower, query.upper, query.lowerOpen, query.upperOpen);
        case "none":
            return undefined;
    }
}

function schema(db: Database): unknown[] {
    const names = [...db.objectStoreNames];
    if (names.length === 0) return [];
    const transaction = db.transaction(names);
    return names.map((name) => {
        const store = transaction.objectStore(name);
        const indexes = [...store.indexNames].map((index) => store.index(index));
        return [
            name,
            store.keyPath,
            store.autoIncrement,
            indexes.map((i) => [i.name, i.keyPath, i.unique, i.multiEntry]),
        ];
    });
}

async function contents(db: Database): Promise<unknown> {
    const names = [...db.objectStoreNames];
    if (names.length === 0) return [];
    const transaction = db.transaction(names);
    const stores = names.map((name) => transaction.objectStore(name));
    const all = stores.flatMap((store) => [store, ...[...store.indexNames].map((index) => store.index(index))]);
    return Promise.all(all.flatMap((source) => [settled(source.getAllKeys()), settled(source.getAll())]));
}

function settled(request: Request): Promise<unknown> {
    return new Promise((resolve) => {
        request.onsuccess = () => resolve(plain(request.result));
        request.onerror = () => resolve(request.error?.name);
    });
}

function attempt(action: () => unknown): unknown {
    try {
        return action();
    } catch (error) {
        return nameOf(error);
    }
}

function nameOf(error: unknown): string {
    return error instanceof Error ? `threw ${error.name}` : "threw something else";
}

/** A result as data that compares: dates and bytes by their contents, and -0 as the key that it is equal to. */
function plain(value: unknown): unknown {
    if (value === 0) return 0;
    if (value instanceof Date) return ["date", value.getTime()];
    if (value instanceof ArrayBuffer) return ["bytes", Buffer.from(value).toString("hex")];
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
