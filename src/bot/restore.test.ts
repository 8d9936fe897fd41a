import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSettings, type Settings } from "../config/index.ts";
import { startCrypto } from "../crypto/index.ts";
import { openDatabase } from "../database/index.ts";
import { packSnapshot } from "../snapshot/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { dataFolder } from "./folder/data-folder.ts";
import { RestoreFolder } from "./folder/restore-folder.ts";
import { schemas } from "./folder/schemas.ts";
import { openStore } from "./folder/store.ts";
import { snapshotKey } from "./folder/take-snapshot.ts";
import { restoreSnapshot } from "./restore.ts";

const nothing = (): void => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };
const storeKey = Buffer.alloc(32, 7);
const owner = { userId: "@bot:home", deviceId: "OLD" } as const;

let parent: string;
let data: string;
beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "restore-"));
    data = join(parent, "data");
    mkdirSync(data);
});
afterEach(() => {
    rmSync(parent, { recursive: true });
});

function settings(): Settings {
    const environment = {
        BACKSCROLL_HOMESERVER_URL: "http://127.0.0.1:9",
        BACKSCROLL_HOMESERVER_USER_ID: owner.userId,
        BACKSCROLL_HOMESERVER_PASSWORD: "password",
        BACKSCROLL_DATA_DIR: data,
        BACKSCROLL_STORE_KEY: storeKey.toString("base64"),
    };
    return loadSettings({ configFile: undefined, environment, workingDirectory: parent }).settings;
}

const restore = (source: AsyncIterable<Uint8Array>) =>
    restoreSnapshot({ settings: settings(), source, name: "FILE", onProgress: nothing });
const failing = (code: string): unknown => expect.objectContaining({ code });

/** A snapshot whose database was written by a later version. */
async function* newerSnapshot(madeWith: Uint8Array = storeKey): AsyncGenerator<Uint8Array, void, undefined> {
    const folder = mkdtempSync(join(parent, "copies-"));
    const path = join(folder, "crypto.sqlite");
    await (await startCrypto({ ...owner, path, storeKey, log: silent, onFatal: nothing })).close();
    openDatabase({ path: join(folder, "backscroll.sqlite"), schemas }).close();
    const sql = new DatabaseSync(join(folder, "backscroll.sqlite"));
    sql.exec("UPDATE schema_versions SET version = 99 WHERE feature = 'sync'");
    sql.close();
    const header = { version: "99", user_id: owner.userId, device_id: owner.deviceId, made_at: "2026-01-01T00:00:00Z" };
    yield* packSnapshot(folder, header, snapshotKey(madeWith));
}

test("a snapshot of a newer version is refused before anything of it is kept", async () => {
    await expect(restore(newerSnapshot())).rejects.toThrow(failing("store_too_new"));
    expect(readdirSync(data)).toEqual(["lock"]);
});

// Its crypto store does open with the key that is configured: only its end tells.
test("a snapshot that was put together without the store key is refused before any of its tables is read", async () => {
    await expect(restore(newerSnapshot(Buffer.alloc(32, 8)))).rejects.toThrow(failing("snapshot_unproven"));
    expect(readdirSync(data)).toEqual(["lock"]);
});

// SQLite would read it into the restored file: nothing in a log names the file that it belongs to.
test.each(["crypto.sqlite-wal", "backscroll.sqlite-wal"])(
    "beside %s, which a store that was moved away left, nothing is restored",
    async (name) => {
        writeFileSync(join(data, name), "a log");
        await expect(restore(newerSnapshot())).rejects.toThrow(failing("restore_store_exists"));
        expect(readdirSync(data).toSorted()).toEqual([name, "lock"].toSorted());
    },
);

test("a restore whose last step, the clearing away, was cut short is over: the bot starts", () => {
    const folder = dataFolder(data);
    const done = new RestoreFolder(folder);
    const made = done.emptied("making");
    openDatabase({ path: join(made, "backscroll.sqlite"), schemas }).close();
    mkdirSync(join(data, "restored.part"));
    writeFileSync(join(data, "restored.part/restore.json"), "what an earlier one left");
    done.putInPlace();
    expect(readdirSync(data)).toEqual([]);
    mkdirSync(join(data, "restored.part"));
    openStore(settings()).close();
    expect(readdirSync(data).toSorted()).toEqual(["backscroll.sqlite", "lock"]);
});

test("where only the crypto store is there, or the database is empty, no other device is made: the start is refused", () => {
    writeFileSync(join(data, "crypto.sqlite"), "a store");
    expect(() => openStore(settings())).toThrow(failing("store_corrupt"));
    writeFileSync(join(data, "backscroll.sqlite"), "");
    expect(() => openStore(settings())).toThrow(failing("store_corrupt"));
});
