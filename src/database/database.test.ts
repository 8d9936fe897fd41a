import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FailureCode } from "../failures/index.ts";
import { SmallDisk } from "../../test/process/index.ts";
import { copyDatabase, openDatabase, type Schema } from "./index.ts";

let folder: string;
let path: string;
beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "backscroll-database-"));
    path = join(folder, "backscroll.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const notes: Schema = { feature: "notes", migrations: [(sql) => sql.exec("CREATE TABLE notes (text TEXT NOT NULL)")] };
const notesWithTime: Schema = {
    feature: "notes",
    migrations: [...notes.migrations, (sql) => sql.exec("ALTER TABLE notes ADD COLUMN at INTEGER NOT NULL DEFAULT 7")],
};
const count = (sql: DatabaseSync): unknown => sql.prepare("SELECT count(*) AS n FROM notes").get()?.["n"];

function failing(code: FailureCode): unknown {
    return expect.objectContaining({ name: "Failure", code });
}

test("what a transaction did is there after the next opening; what a failed one did is not", () => {
    const first = openDatabase({ path, schemas: [notes] });
    expect(first.transaction(() => first.sql.prepare("INSERT INTO notes VALUES (?)").run("kept").changes)).toBe(1);
    expect(() =>
        first.transaction(() => {
            first.sql.exec("INSERT INTO notes VALUES ('lost')");
            throw new Error("in the middle");
        }),
    ).toThrow("in the middle");
    first.close();
    const again = openDatabase({ path, schemas: [notes] });
    expect(again.sql.prepare("SELECT text FROM notes").all()).toEqual([expect.objectContaining({ text: "kept" })]);
    again.close();
});

test("the settings that durability rests on are in force", () => {
    const database = openDatabase({ path, schemas: [] });
    const setting = (name: string): unknown => Object.values(database.sql.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    const names = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete"];
    expect(names.map(setting)).toEqual(["wal", 2, 1, 5000, 1]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    database.close();
});

test("a transaction refuses to nest and leaves the outer one as it was", () => {
    const database = openDatabase({ path, schemas: [notes] });
    database.transaction(() => {
        database.sql.exec("INSERT INTO notes VALUES ('outer')");
        expect(() => database.transaction(() => 1)).toThrow("do not nest");
    });
    expect(count(database.sql)).toBe(1);
    database.close();
});

test("an asynchronous function is refused by type and rolled back at run time", () => {
    const database = openDatabase({ path, schemas: [notes] });
    const work = async (): Promise<void> => {
        database.sql.exec("INSERT INTO notes VALUES ('too late')");
        await Promise.resolve();
    };
    // @ts-expect-error: the type refuses it; this test is about those who get around the type
    expect(() => database.transaction(work)).toThrow("must not be asynchronous");
    const typed: number = database.transaction(() => 3);
    expect([typed, count(database.sql)]).toEqual([3, 0]);
    database.close();
});

test("migrations run once, in order, from whatever version the file has", () => {
    const old = openDatabase({ path, schemas: [notes] });
    old.sql.exec("INSERT INTO notes VALUES ('early')");
    old.close();
    for (let opening = 0; opening < 2; opening++) {
        const now = openDatabase({ path, schemas: [notesWithTime] });
        expect(now.sql.prepare("SELECT * FROM notes").all()).toEqual([
            expect.objectContaining({ text: "early", at: 7 }),
        ]);
        now.close();
    }
});

test("tables that change their shape are copied first, for their owner alone; new ones and those of today are not", () => {
    const copy = `${path}.before-upgrade`;
    for (let opening = 0; opening < 2; opening++) {
        const old = openDatabase({ path, schemas: [notes] });
        old.sql.exec("INSERT INTO notes VALUES ('early')");
        old.close();
    }
    expect(() => statSync(copy)).toThrow("ENOENT");
    openDatabase({ path, schemas: [notesWithTime] }).close();
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    const kept = openDatabase({ path: copy, schemas: [notes], readOnly: true });
    expect(count(kept.sql)).toBe(2);
    kept.close();
});

test("without room for that copy nothing is changed, and the sentence says what to do", ({ skip }) => {
    using disk = SmallDisk.mount(2048);
    if (disk === undefined) return skip("this user may not mount a small file system");
    const full = join(disk.path, "backscroll.sqlite");
    const old = openDatabase({ path: full, schemas: [notes] });
    for (let row = 0; row < 200; row++) old.sql.prepare("INSERT INTO notes VALUES (?)").run("x".repeat(500));
    old.close();
    const open = (): void => openDatabase({ path: full, schemas: [notesWithTime] }).close();
    disk.leaveFree(64);
    expect(open).toThrow(failing("upgrade_needs_room"));
    openDatabase({ path: full, schemas: [notes] }).close();
    disk.makeRoom();
    open();
});

test("a step that fails undoes the steps of every feature before it", () => {
    const broken: Schema = {
        feature: "broken",
        migrations: [
            () => {
                throw new Error("step failed");
            },
        ],
    };
    expect(() => openDatabase({ path, schemas: [notes, broken] })).toThrow("step failed");
    const database = openDatabase({ path, schemas: [] });
    expect(database.sql.prepare("SELECT name FROM sqlite_schema WHERE name = 'notes'").all()).toEqual([]);
    database.close();
});

test("a store of a newer version is refused and not touched, for writing and for reading", () => {
    openDatabase({ path, schemas: [notesWithTime] }).close();
    const before = readFileSync(path);
    expect(() => openDatabase({ path, schemas: [notes] })).toThrow(failing("store_too_new"));
    expect(() => openDatabase({ path, schemas: [notes], readOnly: true })).toThrow(failing("store_too_new"));
    expect(readFileSync(path).equals(before)).toBe(true);
});

test.each([
    ["garbage from the first byte", (file: string) => writeFileSync(file, "not a database ".repeat(1000))],
    ["a file cut in the middle", (file: string) => truncateSync(file, 5000)],
    ["a zeroed page", (file: string) => writeFileSync(file, new Uint8Array(4096), { flag: "r+" })],
])("%s is a corrupt store", (_, damage) => {
    const database = openDatabase({ path, schemas: [notes] });
    const insert = database.sql.prepare("INSERT INTO notes VALUES (?)");
    for (let row = 0; row < 50; row++) insert.run("x".repeat(1000));
    database.close();
    damage(path);
    expect(() => openDatabase({ path, schemas: [notes] })).toThrow(failing("store_corrupt"));
});

test("reading works beside a writer in the middle of a transaction, and cannot write", () => {
    const writer = openDatabase({ path, schemas: [notes] });
    writer.sql.exec("INSERT INTO notes VALUES ('first'); BEGIN; INSERT INTO notes VALUES ('uncommitted')");
    const reader = openDatabase({ path, schemas: [notes], readOnly: true });
    expect(count(reader.sql)).toBe(1);
    expect(() => reader.sql.exec("INSERT INTO notes VALUES ('no')")).toThrow("readonly");
    reader.close();
    writer.close();
});

test("reading before the first start shows an empty database and makes no file", () => {
    const reader = openDatabase({ path, schemas: [notes], readOnly: true });
    expect(count(reader.sql)).toBe(0);
    reader.close();
    expect(() => statSync(path)).toThrow("ENOENT");
});

test("reading tables that the bot has not brought up to date says to start it", () => {
    openDatabase({ path, schemas: [notes] }).close();
    expect(() => openDatabase({ path, schemas: [notesWithTime], readOnly: true })).toThrow(failing("store_too_old"));
});

test("reading works in a folder that cannot be written, with no bot running", () => {
    openDatabase({ path, schemas: [notes] }).close();
    chmodSync(folder, 0o500);
    const reader = openDatabase({ path, schemas: [notes], readOnly: true });
    expect(count(reader.sql)).toBe(0);
    reader.close();
    chmodSync(folder, 0o700);
});

test("a full disk is a failure with its cure, rolls back, and heals when there is room again", () => {
    const database = openDatabase({ path, schemas: [notes] });
    const pages = Number(database.sql.prepare("PRAGMA page_count").get()?.["page_count"]);
    const insert = database.sql.prepare("INSERT INTO notes VALUES (?)");
    database.sql.exec(`PRAGMA max_page_count = ${pages + 2}`);
    const fill = (): void => {
        for (let row = 0; row < 100; row++) insert.run("x".repeat(1000));
    };
    expect(() => database.transaction(fill)).toThrow(failing("disk_full"));
    expect(count(database.sql)).toBe(0);
    database.sql.exec("PRAGMA max_page_count = 100000");
    database.transaction(fill);
    expect(count(database.sql)).toBe(100);
    database.close();
});

test("a folder that does not exist is named", () => {
    expect(() => openDatabase({ path: join(folder, "nowhere", "a.sqlite"), schemas: [] })).toThrow(
        failing("data_dir_unusable"),
    );
});

test("a copy is whole and of one instant, however its database is written to meanwhile", async () => {
    const database = openDatabase({ path, schemas: [notes] });
    const add = (text: string): void =>
        database.transaction(
            () => void database.sql.prepare("INSERT INTO notes VALUES (?), (?)").run(text, "x".repeat(4_000)),
        );
    for (let n = 0; n < 2_000; n++) add(`before ${n}`);
    const copying = copyDatabase(path, join(folder, "copy.sqlite"));
    const over = new AbortController();
    void copying.finally(() => over.abort());
    let written = 0;
    while (!over.signal.aborted) {
        add(`meanwhile ${written++}`);
        await new Promise((resolve) => setImmediate(resolve));
    }
    await copying;
    expect(written).toBeGreaterThan(1);
    const copy = openDatabase({ path: join(folder, "copy.sqlite"), schemas: [notes] });
    expect(count(copy.sql)).toBe(4_000);
    expect(statSync(join(folder, "copy.sqlite")).mode & 0o777).toBe(0o600);
    copy.close();
    database.close();
});
