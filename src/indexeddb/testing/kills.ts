import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { createIndexedDB, type IndexedDB } from "../index.ts";
import { done, openDatabase } from "./fixture.ts";

const writer = fileURLToPath(new URL("writer.ts", import.meta.url));

/**
 * Kills so many processes that write to one store, and looks after each at what they left. Returns how many numbers
 * were acknowledged.
 */
export async function killWriters(path: string, kills: number): Promise<number> {
    await withStore(path, (store) => store.atomically((sql) => sql.exec("CREATE TABLE ours (n INTEGER PRIMARY KEY)")));
    let acknowledged = 0;
    for (let version = 1; version <= kills; version++) {
        acknowledged = Math.max(acknowledged, await writeAndKill(path, version));
        await withStore(path, (store) => inspect(store, version, acknowledged));
    }
    return acknowledged;
}

async function inspect(store: IndexedDB, version: number, acknowledged: number): Promise<void> {
    // Half of the time the check comes last, as it also files what a kill has left unfiled.
    const first = version % 4 < 2 ? store.check() : [];
    const ours = await store.atomically((sql) =>
        sql
            .prepare("SELECT n FROM ours")
            .all()
            .map((row) => Number(row["n"])),
    );
    const numbers = await contents(store);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => i + 1));
    expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
    expect(await count(store, "many")).toBe(80 * Math.floor(numbers.length / 2));
    expect(ours).toEqual(numbers.filter((n) => n % 2 === 1));
    expect([...first, ...store.check()]).toEqual([]);
}

async function withStore(path: string, use: (store: IndexedDB) => unknown): Promise<void> {
    const store = createIndexedDB({ path });
    try {
        await use(store);
    } finally {
        store.close();
    }
}

/** Kills the writer at some instant, from its first breath on; returns the last number that it acknowledged. */
async function writeAndKill(path: string, version: number): Promise<number> {
    const size = version % 3 === 0 ? 20_000 : 300;
    const child = spawn(process.execPath, [writer, path, String(version), String(size)], {
        stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    const output = child.stdout.toArray();
    // Half of them when the first write is acknowledged or soon after, the others anywhere in the start.
    if (version % 2 === 0) await Promise.race([once(child.stdout, "data"), sleep(3000)]);
    await sleep(version % 2 === 0 ? Math.random() * 100 : Math.random() * 300);
    child.kill("SIGKILL");
    expect(await exited).toEqual([null, "SIGKILL"]);
    const lines = Buffer.concat(await output)
        .toString()
        .split("\n");
    return Number(lines.at(-2) ?? 0);
}

/** The numbers in both object stores, which must be the same. */
async function contents(store: IndexedDB): Promise<number[]> {
    if ((await store.indexedDB.databases()).length === 0) return [];
    const db = await openDatabase(store);
    const transaction = db.transaction(["left", "right"]);
    const [left, right] = await Promise.all(
        ["left", "right"].map((name) => done<number[]>(transaction.objectStore(name).getAllKeys())),
    );
    expect(left).toEqual(right);
    return left ?? [];
}

async function count(store: IndexedDB, name: string): Promise<number> {
    if ((await store.indexedDB.databases()).length === 0) return 0;
    const index = (await openDatabase(store)).transaction(name).objectStore(name).index("i");
    return done<number>(index.count());
}
