import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { SmallDisk } from "../../test/process/index.ts";
import { type FormatUpgrade, openFile } from "./file.ts";
import { StoreError } from "./index.ts";
import { done, ended, openDatabase, openStore, temporaryFolder } from "./testing/fixture.ts";

const mark =
    (name: string): FormatUpgrade =>
    (sql) =>
        sql.exec(`CREATE TABLE idb_${name} (x)`);

async function filled(path: string): Promise<string> {
    const store = openStore(path);
    const db = await openDatabase(store, (fresh) => void fresh.createObjectStore("s"));
    const transaction = db.transaction("s", "readwrite");
    for (let n = 0; n < 200; n++) transaction.objectStore("s").put("x".repeat(300), n);
    await ended(transaction);
    store.close();
    return path;
}

function upgraded(path: string, upgrades: readonly FormatUpgrade[]): boolean {
    const opened = openFile(path, upgrades);
    opened.sql.close();
    return opened.upgraded;
}

function versionOf(path: string): number {
    const sql = new DatabaseSync(path, { readOnly: true });
    const version = Number(sql.prepare("PRAGMA user_version").get()?.["user_version"]);
    sql.close();
    return version;
}

test("a file of an older format is upgraded once, and a copy of it as it was is kept for its owner", async () => {
    const path = await filled(join(temporaryFolder(), "store.sqlite"));
    expect(upgraded(path, [mark("a")])).toBe(true);
    expect(upgraded(path, [mark("a")])).toBe(false);
    const copy = `${path}.before-upgrade`;
    expect([versionOf(path), versionOf(copy), statSync(copy).mode & 0o777]).toEqual([2, 1, 0o600]);
    const kept = openStore(copy);
    expect(kept.check()).toEqual([]);
    expect(await done((await openDatabase(kept)).transaction("s").objectStore("s").count())).toBe(200);
});

test("the next upgrade's copy takes the place of the one before", async () => {
    const path = await filled(join(temporaryFolder(), "store.sqlite"));
    upgraded(path, [mark("a")]);
    upgraded(path, [mark("a"), mark("b")]);
    expect([versionOf(path), versionOf(`${path}.before-upgrade`)]).toEqual([3, 2]);
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith("store.sqlite.before"))).toEqual([
        "store.sqlite.before-upgrade",
    ]);
});

test("an upgrade that fails in the middle leaves the file in its old format", async () => {
    const path = await filled(join(temporaryFolder(), "store.sqlite"));
    const broken = (): void => {
        throw new Error("no");
    };
    expect(() => upgraded(path, [mark("a"), broken])).toThrow(/no/);
    expect(versionOf(path)).toBe(1);
    expect(openStore(path).check()).toEqual([]);
});

test("without room for the copy nothing is upgraded, and the older copy stays", async ({ skip }) => {
    using disk = SmallDisk.mount(1024);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const path = await filled(join(disk.path, "store.sqlite"));
    upgraded(path, [mark("a")]);
    const before = readFileSync(`${path}.before-upgrade`);
    disk.leaveFree(48);
    const refused = (): boolean => upgraded(path, [mark("a"), mark("b")]);
    expect(refused).toThrow(StoreError);
    expect(refused).toThrow(expect.objectContaining({ reason: "disk_full" }));
    expect([versionOf(path), readFileSync(`${path}.before-upgrade`).equals(before)]).toEqual([2, true]);
    expect(existsSync(`${path}.before-upgrade.unfinished`)).toBe(false);
    disk.makeRoom();
    expect(refused()).toBe(true);
});

test("copyTo writes the file as it is now, and not beside an open transaction", async () => {
    const folder = temporaryFolder();
    const store = openStore(await filled(join(folder, "store.sqlite")));
    store.copyTo(join(folder, "copy.sqlite"));
    const copy = openStore(join(folder, "copy.sqlite"));
    expect(copy.check()).toEqual([]);
    expect(await done((await openDatabase(copy)).transaction("s").objectStore("s").count())).toBe(200);
    expect(() => store.copyTo(join(folder, "copy.sqlite"))).toThrow();
    await store.atomically(() =>
        expect(() => store.copyTo(join(folder, "third.sqlite"))).toThrow(/transaction is open/),
    );
});
