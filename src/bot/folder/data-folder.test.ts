import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../config/index.ts";
import { createDataFolder, dataFolder, loadStoreKey } from "./data-folder.ts";
import { openStore } from "./store.ts";

let parent: string;

beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), "data-folder-"));
});

afterEach(() => {
    rmSync(parent, { recursive: true });
});

test("the folder and its parents are made for the bot's user alone; one that is there is taken as it is", () => {
    const folder = dataFolder(join(parent, "deep", "data"));
    createDataFolder(folder);
    createDataFolder(folder);
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
});

test.each([
    ["where no folder can be made", () => "/proc/backscroll"],
    [
        "beneath a file",
        () => {
            writeFileSync(join(parent, "file"), "");
            return join(parent, "file", "data");
        },
    ],
])("a data folder %s is a failure that names it", (_, path) => {
    expect(() => createDataFolder(dataFolder(path()))).toThrow(expect.objectContaining({ code: "data_dir_unusable" }));
});

test("the store key is made once, for the bot's user alone, and found again", () => {
    const folder = dataFolder(parent);
    const key = loadStoreKey(folder, undefined, false);
    expect(key).toHaveLength(32);
    expect(loadStoreKey(folder, undefined, true)).toEqual(key);
    expect(statSync(folder.storeKey).mode & 0o777).toBe(0o600);
});

test("a configured store key is taken, and nothing is written", () => {
    const folder = dataFolder(parent);
    const configured = Buffer.alloc(32, 7);
    expect(loadStoreKey(folder, new Secret(configured.toString("base64")), false)).toEqual(configured);
    expect(() => readFileSync(folder.storeKey)).toThrow("ENOENT");
});

test("a store whose key is gone is never given a new one", () => {
    expect(() => loadStoreKey(dataFolder(parent), undefined, true)).toThrow(
        expect.objectContaining({ code: "store_key_missing" }),
    );
});

test("nor is a crypto store that has lost the bot's database together with its key", () => {
    writeFileSync(dataFolder(parent).cryptoStore, "");
    expect(() => openStore({ data_dir: parent, store_key: undefined })).toThrow(
        expect.objectContaining({ code: "store_key_missing" }),
    );
});

test("a start that was killed while it wrote the key does not keep the next one from making it", () => {
    const folder = dataFolder(parent);
    writeFileSync(`${folder.storeKey}.new`, "half a k");
    const key = loadStoreKey(folder, undefined, false);
    expect(loadStoreKey(folder, undefined, true)).toEqual(key);
    expect(readdirSync(parent)).toEqual(["store-key"]);
});

test("a key file that holds no key is a failure, not a new key", () => {
    const folder = dataFolder(parent);
    writeFileSync(folder.storeKey, "half a k");
    expect(() => loadStoreKey(folder, undefined, true)).toThrow(
        expect.objectContaining({ code: "store_key_malformed" }),
    );
});
