import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SmallDisk } from "../../test/process/index.ts";
import { createIndexedDB, type IndexedDB, StoreError } from "./index.ts";
import { type Database, done, ended, openDatabase, openStore, temporaryFolder } from "./testing/fixture.ts";

const text = "x".repeat(500);

/** Two records in two stores, or none; resolves to how the transaction ended. */
function write(db: Database, n: number): Promise<string> {
    const transaction = db.transaction(["left", "right"], "readwrite");
    for (const name of ["left", "right"]) transaction.objectStore(name).put({ n, text }, n);
    return ended(transaction);
}

function make(store: IndexedDB): Promise<Database> {
    return openDatabase(store, (fresh) => {
        for (const name of ["left", "right"]) fresh.createObjectStore(name).createIndex("i", "n");
    });
}

/** The numbers that are there, in both stores alike, after a look at everything. */
async function numbersIn(store: IndexedDB): Promise<number[]> {
    expect(store.check()).toEqual([]);
    const db = await make(store);
    const transaction = db.transaction(["left", "right"]);
    const [left, right] = await Promise.all(
        ["left", "right"].map((name) => done<{ n: number }[]>(transaction.objectStore(name).getAll())),
    );
    expect(left).toEqual(right);
    db.close();
    return (left ?? []).map(({ n }) => n);
}

test("a disk that is full at any write loses nothing that was acknowledged, says so, and heals", async ({ skip }) => {
    using disk = SmallDisk.mount(2048);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const outcomes = new Set<string>();
    for (let free = 0; free <= 240; free += 8) {
        const path = join(disk.path, `${free}.sqlite`);
        disk.leaveFree(free);
        const acknowledged: number[] = [];
        try {
            const store = createIndexedDB({ path });
            try {
                const db = await make(store);
                for (let n = 0; n < 40; n++) {
                    const end = await (n % 2 === 0 ? write(db, n) : store.atomically(() => write(db, n)));
                    outcomes.add(end);
                    if (end === "complete") acknowledged.push(n);
                }
            } finally {
                store.close();
            }
        } catch (error) {
            const reason =
                error instanceof StoreError ? error.reason : error instanceof DOMException ? error.name : String(error);
            outcomes.add(reason);
        }
        disk.makeRoom();
        const again = createIndexedDB({ path });
        expect(await numbersIn(again)).toEqual(expect.arrayContaining(acknowledged));
        const db = await make(again);
        expect(await write(db, 99)).toBe("complete");
        again.close();
        for (const part of ["", "-wal", "-journal"]) rmSync(path + part, { force: true });
    }
    expect(
        [...outcomes].filter((end) => !["complete", "QuotaExceededError", "AbortError", "disk_full"].includes(end)),
    ).toEqual([]);
    expect(outcomes).toContain("QuotaExceededError");
});

/** What a kill leaves after ten commits: the file, and its log. */
async function killed(): Promise<string> {
    const path = join(temporaryFolder(), "store.sqlite");
    const store = openStore(path);
    const db = await make(store);
    for (let n = 0; n < 10; n++) await write(db, n);
    const copy = join(temporaryFolder(), "copy.sqlite");
    for (const part of ["", "-wal"]) copyFileSync(path + part, copy + part);
    return copy;
}

// SQLite ends a log where a checksum does not fit: what was committed last is gone then, but nothing is half there and
// nothing is wrong.
test.each([
    ["a flipped bit", (log: Buffer, at: number) => log.writeUInt8(log.readUInt8(at) ^ 0x10, at)],
    ["zeroes", (log: Buffer, at: number) => log.fill(0, at, at + 512)],
    ["rubbish", (log: Buffer, at: number) => log.fill(0xa5, at, at + 64)],
])("%s anywhere in the log of a killed process never shows wrong or half things", async (_, harm) => {
    const path = await killed();
    const [file, log] = [readFileSync(path), readFileSync(`${path}-wal`)];
    for (let i = 0; i < 25; i++) {
        const bad = Buffer.from(log);
        harm(bad, i === 0 ? 0 : Math.floor(Math.random() * (log.length - 600)));
        writeFileSync(path, file);
        writeFileSync(`${path}-wal`, bad);
        expect(await isBeginning(path)).toBe(true);
    }
});

test("a log that was cut off anywhere never shows wrong or half things", async () => {
    const path = await killed();
    const [file, log] = [readFileSync(path), readFileSync(`${path}-wal`)];
    for (let i = 0; i < 25; i++) {
        writeFileSync(path, file);
        writeFileSync(`${path}-wal`, log);
        truncateSync(`${path}-wal`, Math.floor((i * log.length) / 25));
        expect(await isBeginning(path)).toBe(true);
    }
});

/** Whether the store holds the first so many commits, whole, or is refused with its reason. */
async function isBeginning(path: string): Promise<boolean> {
    let store: IndexedDB;
    try {
        store = createIndexedDB({ path });
    } catch (error) {
        return error instanceof StoreError;
    }
    try {
        const numbers = await numbersIn(store);
        return numbers.every((number, n) => number === n);
    } finally {
        store.close();
    }
}

test("where nothing but the store's folder can be written to, as in a container, a large file is still written anew", ({
    skip,
}) => {
    using disk = SmallDisk.mount(128 * 1024);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const script = `
        const { createIndexedDB } = await import(${JSON.stringify(join(import.meta.dirname, "index.ts"))});
        const store = createIndexedDB({ path: ${JSON.stringify(join(disk.path, "large.sqlite"))} });
        await store.atomically((sql) => {
            sql.exec("CREATE TABLE ballast (bytes BLOB)");
            const insert = sql.prepare("INSERT INTO ballast VALUES (randomblob(10000))");
            for (let row = 0; row < 2500; row++) insert.run();
        });
        store.compact();
        store.close();`;
    const all = 'mount -o bind,remount,ro / && exec "$0" --input-type=module -e "$1"';
    const { status, stderr } = spawnSync("unshare", ["--mount", "sh", "-c", all, process.execPath, script], {
        encoding: "utf8",
    });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(statSync(join(disk.path, "large.sqlite")).size).toBeGreaterThan(2500 * 10000);
});
