import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
    DeviceId,
    EncryptionSettings,
    initAsync,
    OlmMachine,
    RoomId,
    StoreHandle,
    UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createIndexedDB, type IndexedDB } from "./index.ts";

const key = new Uint8Array(32).fill(7);
let folder: string;
let store: IndexedDB;

beforeAll(async () => {
    await initAsync();
});

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "indexeddb-"));
    store = openStore();
});

afterEach(() => {
    store.close();
    rmSync(folder, { recursive: true });
});

function openStore(): IndexedDB {
    const opened = createIndexedDB({ path: join(folder, "crypto.sqlite") });
    opened.install(globalThis);
    return opened;
}

async function openMachine(storeKey = key, name = "machine", user = "@bot:home"): Promise<OlmMachine> {
    const handle = await StoreHandle.openWithKey(name, storeKey);
    return OlmMachine.initFromStore(new UserId(user), new DeviceId("DEVICE"), handle);
}

function reopenStore(): void {
    store.close();
    store = openStore();
}

/** Sessions of another machine, as its key export. */
async function exportOfOther(rooms: number): Promise<string> {
    const other = await OlmMachine.initialize(new UserId("@alice:home"), new DeviceId("ALICE"));
    for (let i = 0; i < rooms; i++)
        await other.shareRoomKey(new RoomId(`!room${i}:home`), [], new EncryptionSettings());
    const keys = await other.exportRoomKeys(() => true);
    other.close();
    return keys;
}

async function importInChunks(machine: OlmMachine, keys: string): Promise<number> {
    const all = JSON.parse(keys) as unknown[];
    for (let at = 0; at < all.length; at += 100) {
        await machine.importExportedRoomKeys(JSON.stringify(all.slice(at, at + 100)), () => undefined);
    }
    return all.length;
}

test("a machine that is opened again with its key is the same device", async () => {
    const first = await openMachine();
    const identity = first.identityKeys.ed25519.toBase64();
    expect(await first.outgoingRequests()).toHaveLength(2);
    first.close();
    reopenStore();
    const second = await openMachine();
    expect(second.identityKeys.ed25519.toBase64()).toBe(identity);
    second.close();
});

test("a wrong key is refused and changes nothing", async () => {
    const first = await openMachine();
    const identity = first.identityKeys.ed25519.toBase64();
    first.close();
    reopenStore();
    await expect(openMachine(new Uint8Array(32))).rejects.toThrow(/decrypt/);
    reopenStore();
    const second = await openMachine();
    expect(second.identityKeys.ed25519.toBase64()).toBe(identity);
    second.close();
});

test("imported sessions come out again, also after the store was closed", async () => {
    const keys = await exportOfOther(250);
    const first = await openMachine();
    expect(await importInChunks(first, keys)).toBe(250);
    first.close();
    reopenStore();
    const second = await openMachine();
    expect(JSON.parse(await second.exportRoomKeys(() => true))).toHaveLength(250);
    second.close();
});

test("a machine works inside atomically, and its sessions are kept together with the caller's rows", async () => {
    const keys = await exportOfOther(120);
    const first = await openMachine();
    await store.atomically((sql) => sql.exec("CREATE TABLE ours (name TEXT)"));
    await store.atomically(async (sql) => {
        await importInChunks(first, keys);
        sql.exec("INSERT INTO ours VALUES ('flag')");
    });
    first.close();
    reopenStore();
    const second = await openMachine();
    expect(JSON.parse(await second.exportRoomKeys(() => true))).toHaveLength(120);
    expect(await store.atomically((sql) => sql.prepare("SELECT count(*) AS n FROM ours").get())).toEqual({ n: 1 });
    second.close();
});

test("an atomically that throws undoes the machine's writes and the caller's", async () => {
    const keys = await exportOfOther(50);
    const first = await openMachine();
    await store.atomically((sql) => sql.exec("CREATE TABLE ours (name TEXT)"));
    const failed = store.atomically(async (sql) => {
        sql.exec("INSERT INTO ours VALUES ('flag')");
        await importInChunks(first, keys);
        throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    first.close();
    reopenStore();
    const second = await openMachine();
    expect(JSON.parse(await second.exportRoomKeys(() => true))).toHaveLength(0);
    expect(await store.atomically((sql) => sql.prepare("SELECT count(*) AS n FROM ours").get())).toEqual({ n: 0 });
    second.close();
});

test("a machine that is created inside an atomically that throws was never there", async () => {
    const failed = store.atomically(async () => {
        await openMachine();
        throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect(await store.indexedDB.databases()).toEqual([]);
    const machine = await openMachine();
    expect(await machine.outgoingRequests()).toHaveLength(2);
    machine.close();
});
