import { writeSync } from "node:fs";
import { createIndexedDB } from "../index.ts";
import type { Database, Transaction } from "./fixture.ts";

// Writes until it is killed, and says on its output what is acknowledged: "number\n" once that number is on the disk.
const store = createIndexedDB({ path: process.argv[2] ?? "" });
const version = Number(process.argv[3]);
const text = "x".repeat(Number(process.argv[4]));

const db = await new Promise<Database>((resolve, reject) => {
    const request = store.indexedDB.open("db", version);
    request.addEventListener("upgradeneeded", () =>
        upgrade(request.result as Database, request.transaction as Transaction),
    );
    request.addEventListener("success", () => resolve(request.result as Database));
    request.addEventListener("error", () => reject(request.error ?? new Error("could not be opened")));
});
const keys = await new Promise<unknown[]>((resolve) => {
    const request = db.transaction("left").objectStore("left").getAllKeys();
    request.addEventListener("success", () => resolve(request.result as unknown[]));
});

for (let n = Number(keys.at(-1) ?? 0) + 1; ; n++) {
    // By turns a transaction of its own, and two in one commit with a row beside them.
    if (n % 2 === 0) await write(n, ["left", "right", "many"]);
    else
        await store.atomically(async (sql) => {
            await write(n, ["left"]);
            sql.prepare("INSERT INTO ours (n) VALUES (?)").run(n);
            await write(n, ["right"]);
        });
    writeSync(1, `${n}\n`);
}

function upgrade(fresh: Database, transaction: Transaction): void {
    if (!fresh.objectStoreNames.contains("left")) {
        for (const name of ["left", "right", "many"]) fresh.createObjectStore(name).createIndex("i", "group");
    }
    const left = transaction.objectStore("left");
    for (const index of left.indexNames) if (index !== "i") left.deleteIndex(index);
    left.createIndex(`v${version}`, "group");
}

function write(n: number, names: string[]): Promise<void> {
    const transaction = db.transaction(names, "readwrite");
    for (const name of names) {
        // So many that a commit does not file them.
        const count = name === "many" ? 80 : 1;
        for (let i = 0; i < count; i++)
            transaction.objectStore(name).put({ n, group: (n + i) % 7, text }, count === 1 ? n : [n, i]);
    }
    return new Promise((resolve, reject) => {
        transaction.addEventListener("complete", () => resolve());
        transaction.addEventListener("abort", () => reject(transaction.error ?? new Error("aborted")));
    });
}
