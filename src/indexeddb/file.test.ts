import { spawn } from "node:child_process";
import { once } from "node:events";
import {
    chmodSync,
    copyFileSync,
    existsSync,
    mkdirSync,
    readFileSync,
    rmSync,
    statSync,
    truncateSync,
    writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { createIndexedDB, StoreError } from "./index.ts";
import { done, ended, openDatabase, openStore, temporaryFolder } from "./testing/fixture.ts";

const path = (): string => join(temporaryFolder(), "store.sqlite");

async function filled(at: string, records = 200): Promise<string> {
    const store = openStore(at);
    const db = await openDatabase(store, (fresh) => fresh.createObjectStore("s").createIndex("i", "n"));
    const transaction = db.transaction("s", "readwrite");
    for (let n = 0; n < records; n++) transaction.objectStore("s").put({ n, text: "x".repeat(300) }, n);
    await ended(transaction);
    store.close();
    return at;
}

function reasonOf(action: () => unknown): string {
    try {
        action();
        return "opened";
    } catch (error) {
        return error instanceof StoreError ? error.reason : `another error: ${String(error)}`;
    }
}

/** Opens, reads everything and closes; what went wrong, if anything did. */
async function inspect(at: string): Promise<string> {
    let store: ReturnType<typeof createIndexedDB>;
    try {
        store = createIndexedDB({ path: at });
    } catch (error) {
        return error instanceof StoreError ? error.reason : `another error: ${String(error)}`;
    }
    try {
        if (store.check().length > 0) return "found by the check";
        const db = await openDatabase(store);
        return `${String(await done(db.transaction("s").objectStore("s").count()))} records`;
    } finally {
        store.close();
    }
}

test("a second opening is refused while the first lasts, here and in another process", async () => {
    const at = path();
    const first = openStore(at);
    expect(reasonOf(() => createIndexedDB({ path: at }))).toBe("locked");
    const index = new URL("index.ts", import.meta.url).href;
    const script = `import(${JSON.stringify(index)}).then(({ createIndexedDB }) => createIndexedDB({ path: ${JSON.stringify(at)} })).then(() => console.log("opened"), (e) => console.log(e.reason))`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const said = await child.stdout.toArray();
    expect(String(said[0]).trim()).toBe("locked");
    // The failed attempts must not have freed the lock (POSIX frees a process's locks with its first close of the
    // file).
    expect(reasonOf(() => createIndexedDB({ path: at }))).toBe("locked");
    first.close();
    first.close();
    expect(reasonOf(() => openStore(at))).toBe("opened");
});

test("what is complete is still there after the process was killed, and the lock is free", async () => {
    const at = path();
    const index = new URL("index.ts", import.meta.url).href;
    const script = `
        const { createIndexedDB } = await import(${JSON.stringify(index)});
        const request = createIndexedDB({ path: ${JSON.stringify(at)} }).indexedDB.open("db");
        request.onupgradeneeded = () => request.result.createObjectStore("s");
        request.onsuccess = () => {
            const transaction = request.result.transaction("s", "readwrite");
            transaction.objectStore("s").put("kept", 1);
            transaction.oncomplete = () => process.kill(process.pid, "SIGKILL");
        };`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    expect(await inspect(at)).toBe("1 records");
});

test("a store of a newer format is refused and not changed", async () => {
    const at = await filled(path());
    const sql = new DatabaseSync(at);
    sql.exec("PRAGMA user_version = 99");
    sql.close();
    const before = readFileSync(at);
    expect(reasonOf(() => createIndexedDB({ path: at }))).toBe("newer_version");
    expect(readFileSync(at).equals(before)).toBe(true);
});

test("somebody else's database, a text and a folder are refused and not changed", () => {
    const folder = temporaryFolder();
    const other = join(folder, "other.sqlite");
    const sql = new DatabaseSync(other);
    sql.exec("CREATE TABLE theirs (x)");
    sql.close();
    const text = join(folder, "text");
    writeFileSync(text, "This is not a database. ".repeat(100));
    for (const at of [other, text]) {
        const before = readFileSync(at);
        expect(reasonOf(() => createIndexedDB({ path: at }))).toBe("corrupt");
        expect(readFileSync(at).equals(before)).toBe(true);
    }
    mkdirSync(join(folder, "folder"));
    expect(reasonOf(() => createIndexedDB({ path: join(folder, "folder") }))).toBe("unavailable");
    expect(reasonOf(() => createIndexedDB({ path: join(folder, "nowhere", "store.sqlite") }))).toBe("unavailable");
});

test.each([1, 50, 100, 511, 512, 4095, 4096, 20_000])("a file cut off after %d bytes is refused", async (length) => {
    const at = await filled(path());
    truncateSync(at, length);
    expect(reasonOf(() => createIndexedDB({ path: at }))).toBe("corrupt");
    expect(statSync(at).size).toBe(length);
});

test("an emptied or vanished file beside its log is refused, and the log is kept", async () => {
    const at = path();
    const store = openStore(at);
    await openDatabase(store, (db) => void db.createObjectStore("s"));
    const copy = path();
    copyFileSync(`${at}-wal`, `${copy}-wal`);
    expect(reasonOf(() => createIndexedDB({ path: copy }))).toBe("corrupt");
    writeFileSync(copy, "");
    expect(reasonOf(() => createIndexedDB({ path: copy }))).toBe("corrupt");
    expect(existsSync(`${copy}-wal`)).toBe(true);
});

test("every flipped byte of the header is refused, found by the check, or without consequence", async () => {
    const at = await filled(path(), 20);
    const good = readFileSync(at);
    const outcomes: Record<string, number[]> = {};
    for (let offset = 0; offset < 100; offset++) {
        const bad = Buffer.from(good);
        bad[offset] = (bad[offset] ?? 0) ^ 0xff;
        writeFileSync(at, bad);
        (outcomes[await inspect(at)] ??= []).push(offset);
        rmSync(`${at}-wal`, { force: true });
    }
    const known = new Set(["corrupt", "newer_version", "unavailable", "found by the check", "20 records"]);
    expect(Object.keys(outcomes).filter((outcome) => !known.has(outcome))).toEqual([]);
    // The magic string and the application id at least must not be a matter of luck.
    for (const offset of [0, 15, 68, 71]) expect(outcomes["corrupt"]).toContain(offset);
});

test("a flipped byte anywhere in the pages is found by the check or by reading, never handed out", async () => {
    const at = await filled(path(), 50);
    const good = readFileSync(at);
    const silent: number[] = [];
    for (let i = 0; i < 60; i++) {
        const offset = 100 + ((i * 104_729) % (good.length - 100));
        const bad = Buffer.from(good);
        bad[offset] = (bad[offset] ?? 0) ^ 0x10;
        writeFileSync(at, bad);
        const outcome = await inspect(at).catch((error: unknown) => String(error));
        rmSync(`${at}-wal`, { force: true });
        if (outcome === "50 records" && !isUnused(at, offset)) silent.push(offset);
    }
    expect(silent).toEqual([]);
});

// Free space within a page carries nothing: whoever rewrites the file drops it.
function isUnused(at: string, offset: number): boolean {
    const vacuumed = `${at}.copy`;
    copyFileSync(at, vacuumed);
    const sql = new DatabaseSync(vacuumed);
    const dump = (): string =>
        JSON.stringify([
            ...sql.prepare("SELECT * FROM idb_record ORDER BY id").all(),
            ...sql.prepare("SELECT * FROM idb_entry").all(),
        ]);
    const bad = dump();
    sql.close();
    const bytes = readFileSync(at);
    bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
    writeFileSync(vacuumed, bytes);
    const again = new DatabaseSync(vacuumed);
    const good = JSON.stringify([
        ...again.prepare("SELECT * FROM idb_record ORDER BY id").all(),
        ...again.prepare("SELECT * FROM idb_entry").all(),
    ]);
    again.close();
    return good === bad;
}

test("a value whose bytes were changed behind its back fails its request, and the next one works", async () => {
    const at = await filled(path(), 100);
    const sql = new DatabaseSync(at);
    sql.exec("UPDATE idb_record SET value = CAST('nonsense' AS BLOB) WHERE id = 2");
    sql.close();
    const store = openStore(at);
    const db = await openDatabase(store);
    await expect(done(db.transaction("s").objectStore("s").get(1))).rejects.toMatchObject({ name: "UnknownError" });
    expect(await done(db.transaction("s").objectStore("s").get(2))).toMatchObject({ n: 2 });
    expect(store.check()).not.toEqual([]);
});

test.skipIf(process.getuid?.() === 0)("a file that may not be written is refused", async () => {
    const at = await filled(path());
    chmodSync(at, 0o400);
    expect(reasonOf(() => createIndexedDB({ path: at }))).toBe("unavailable");
});

test("on a full disk a transaction is undone with QuotaExceededError, and later ones work", async () => {
    const store = openStore(path());
    const db = await openDatabase(store, (fresh) => void fresh.createObjectStore("s"));
    await store.atomically((sql) => sql.exec("PRAGMA max_page_count = 30"));
    const full = db.transaction("s", "readwrite");
    full.objectStore("s").put("small", 1);
    full.objectStore("s").put("x".repeat(200_000), 2);
    expect(await ended(full)).toBe("QuotaExceededError");
    expect(full.error).toMatchObject({ cause: { reason: "disk_full" } });
    const small = db.transaction("s", "readwrite");
    small.objectStore("s").put("small", 3);
    expect(await ended(small)).toBe("complete");
    expect(await done(db.transaction("s").objectStore("s").getAllKeys())).toEqual([3]);
    expect(store.check()).toEqual([]);
});

test("after close nothing can be opened", async () => {
    const store = openStore(path());
    const db = await openDatabase(store, (fresh) => void fresh.createObjectStore("s"));
    store.close();
    expect(() => store.indexedDB.open("db")).toThrow(/closed/);
    expect(() => db.transaction("s")).toThrow(/closed/);
});
