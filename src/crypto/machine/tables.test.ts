import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createIndexedDB, type IndexedDB, StoreError } from "../../indexeddb/index.ts";
import { deriveSeal } from "../../sealing/index.ts";
import { keepOutdated, prepareTables } from "./tables.ts";
import { BOT, storeKey, temporaryStore } from "./testing/bot.ts";

const seal = deriveSeal(storeKey, "crypto rows");
const one = ["CREATE TABLE notes (text TEXT) STRICT"];
const two = [...one, "ALTER TABLE notes ADD COLUMN at INTEGER"];

let folder: ReturnType<typeof temporaryStore>;
let store: IndexedDB;

beforeEach(() => {
    folder = temporaryStore();
    store = createIndexedDB({ path: folder.path });
});

afterEach(() => {
    store.close();
    folder[Symbol.dispose]();
});

const owner = (): { path: string; userId: string; deviceId: string } => ({ ...BOT, path: folder.path });

async function prepare(steps: readonly string[]): Promise<void> {
    await keepOutdated(store, owner(), seal, steps);
    await store.atomically((sql) => prepareTables(sql, owner(), seal, steps));
}

const columns = (sql: DatabaseSync): unknown =>
    sql
        .prepare("SELECT name FROM pragma_table_info('notes')")
        .all()
        .map((row) => row["name"]);

test("new tables need no copy; tables that change their shape are copied first", async () => {
    await prepare(one);
    expect(() => statSync(`${folder.path}.before-upgrade`)).toThrow("ENOENT");
    await store.atomically((sql) => sql.exec("INSERT INTO notes VALUES ('kept')"));
    await prepare(two);
    const copy = new DatabaseSync(`${folder.path}.before-upgrade`, { readOnly: true });
    expect([columns(copy), await store.atomically(columns)]).toEqual([["text"], ["text", "at"]]);
    expect(copy.prepare("SELECT text FROM notes").all()).toEqual([expect.objectContaining({ text: "kept" })]);
    copy.close();
});

test("without room for the copy nothing is changed, and the sentence says what to do", async () => {
    await prepare(one);
    const full = {
        ...store,
        keepCopy: () => {
            throw new StoreError("disk_full", "the disk is full");
        },
    };
    const refused = keepOutdated(full, owner(), seal, two);
    await expect(refused).rejects.toMatchObject({ code: "upgrade_needs_room", exitCode: 73 });
    expect(await store.atomically(columns)).toEqual(["text"]);
    await prepare(two);
    expect(await store.atomically(columns)).toEqual(["text", "at"]);
});

test("a step that fails undoes those before it", async () => {
    await prepare(one);
    await expect(prepare([...two, "nonsense"])).rejects.toThrow(/nonsense/);
    expect(await store.atomically(columns)).toEqual(["text"]);
    await prepare(two);
});

test("the store of another owner is refused before anything is copied or changed", async () => {
    await prepare(one);
    const other = keepOutdated(store, { ...owner(), deviceId: "OTHER" }, seal, two);
    await expect(other).rejects.toMatchObject({ code: "store_of_another_device" });
    expect(() => statSync(`${folder.path}.before-upgrade`)).toThrow("ENOENT");
});
