import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase, type Schema } from "../../database/index.ts";
import { LeftRooms } from "../../rooms/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import { schemas } from "../folder/schemas.ts";
import { Forgetting, type ForgettingParts } from "./forgetting.ts";

const nothing = (): void => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };
const ROOM = "!room:home";
const day = 24 * 3_600_000;

let database: Database;
let leftRooms: LeftRooms;
let now: number;
let forgotten: string[];
let folder: string;

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "forgetting-"));
    database = openDatabase({ path: ":memory:", schemas });
    leftRooms = new LeftRooms(database);
    now = 5_000;
    forgotten = [];
});

function forgetting(more: Partial<ForgettingParts> = {}): Forgetting {
    const crypto = { forgetRoom: (roomId: string) => Promise.resolve(void forgotten.push(roomId)) };
    return new Forgetting({
        database,
        leftRooms,
        after: 30 * day,
        crypto,
        tellRooms: () => Promise.resolve(),
        forgetRows: () => undefined,
        removeCopies: () => undefined,
        log: silent,
        clock: { now: () => now },
        random: () => 0,
        ...more,
    });
}

afterEach(() => {
    database.close();
    rmSync(folder, { recursive: true });
});

/** What the recording of a batch does. */
function membership(value: string): void {
    database.sql
        .prepare(
            "INSERT INTO rooms (room_id, membership) VALUES (?, ?) ON CONFLICT DO UPDATE SET membership = excluded.membership",
        )
        .run(ROOM, value);
    if (value === "leave") leftRooms.left(ROOM);
    if (value === "join") leftRooms.back(ROOM);
}

async function days(part: Forgetting, count: number): Promise<void> {
    now += count * day;
    await part.look();
}

test("the keys of a room that was left are forgotten once, when the bot has been away for the time that was set", async () => {
    membership("leave");
    const part = forgetting();
    await days(part, 29);
    expect(forgotten).toEqual([]);
    await days(part, 1);
    await days(part, 100);
    expect(forgotten).toEqual([ROOM]);
});

test("a return before that cancels it, and a later leave starts the count anew", async () => {
    membership("leave");
    const part = forgetting();
    await days(part, 29);
    membership("join");
    await days(part, 100);
    membership("leave");
    await days(part, 29);
    expect(forgotten).toEqual([]);
    await days(part, 1);
    expect(forgotten).toEqual([ROOM]);
});

test("while an invite may bring it back, nothing is counted", async () => {
    membership("leave");
    const part = forgetting();
    await days(part, 29);
    membership("invite");
    await days(part, 100);
    expect(forgotten).toEqual([]);
    membership("leave");
    await days(part, 1);
    expect(forgotten).toEqual([ROOM]);
});

test("the count survives a restart, and the time in between does not count, whatever the clocks say", async () => {
    membership("leave");
    const before = forgetting();
    await days(before, 20);
    now += 9 * day;
    await before.stop();
    // As if a long time in which the bot did not run had counted.
    now = 1_000 * day;
    const after = forgetting();
    after.start();
    await after.look();
    expect(forgotten).toEqual([]);
    await days(after, 1);
    expect(forgotten).toEqual([ROOM]);
    await after.stop();
});

test("what fails is done again, and a crash between the keys and the rows forgets them once more", async () => {
    membership("leave");
    let failing = true;
    const part = forgetting({
        forgetRows: () => {
            if (failing) throw new Error("planted");
        },
    });
    await days(part, 30);
    failing = false;
    await days(part, 0);
    await days(part, 0);
    expect(forgotten).toEqual([ROOM, ROOM]);
});

test("keep keeps; whoever sets a time later has it counted from the leave on, also of rooms that were left before anybody counted", async () => {
    database.sql.exec(`INSERT INTO rooms (room_id, membership) VALUES ('${ROOM}', 'ban')`);
    const keeping = forgetting({ after: "keep" });
    keeping.start();
    await days(keeping, 1_000);
    await keeping.stop();
    expect(forgotten).toEqual([]);
    await days(forgetting(), 0);
    expect(forgotten).toEqual([ROOM]);
});

/** Rows of a room, a small one and one that fills pages of its own. */
const keptSchema: Schema = {
    feature: "kept",
    migrations: [(sql) => sql.exec("CREATE TABLE kept (value TEXT NOT NULL)")],
};

/** The files of the database in which a word stands. */
const filesWith = (word: string): string[] =>
    readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(word));

function onDisk(): void {
    database.close();
    database = openDatabase({ path: join(folder, "backscroll.sqlite"), schemas: [...schemas, keptSchema] });
    leftRooms = new LeftRooms(database);
    membership("leave");
    const insert = database.sql.prepare("INSERT INTO kept VALUES (?)");
    database.transaction(() => {
        for (let row = 0; row < 50; row++) insert.run(row % 2 === 0 ? "small-secret" : "large-secret ".repeat(2_000));
    });
}

test("what was forgotten is not in the database's file any more, nor in its log", async () => {
    onDisk();
    expect(filesWith("small-secret")).not.toEqual([]);
    // As in a bot that has been running for some time: the file has it, too.
    database.sql.exec("PRAGMA wal_checkpoint(PASSIVE)");
    expect(filesWith("large-secret")).toEqual(["backscroll.sqlite", "backscroll.sqlite-wal"]);
    await days(forgetting({ forgetRows: () => database.sql.exec("DELETE FROM kept") }), 30);
    expect(forgotten).toEqual([ROOM]);
    expect([...filesWith("small-secret"), ...filesWith("large-secret")]).toEqual([]);
});

test("while somebody reads, so that the log cannot be emptied, the room is not taken for forgotten", async () => {
    onDisk();
    const reader = new DatabaseSync(join(folder, "backscroll.sqlite"), { readOnly: true });
    reader.exec("BEGIN; SELECT count(*) FROM kept");
    database.sql.exec("PRAGMA busy_timeout = 0");
    const part = forgetting({ forgetRows: () => database.sql.exec("DELETE FROM kept") });
    await days(part, 30);
    expect(leftRooms.due(30 * day)).toEqual([ROOM]);
    reader.close();
    await days(part, 0);
    expect(leftRooms.due(30 * day)).toEqual([]);
    expect([...filesWith("small-secret"), ...filesWith("large-secret")]).toEqual([]);
});

test.each<[string, string, boolean, readonly string[]]>([
    ["that it is in", "join", false, [ROOM]],
    ["that it is invited to", "invite", false, [ROOM]],
    ["that it has left", "leave", true, [ROOM]],
    ["that it is banned from", "ban", true, [ROOM]],
    ["whose invite it declined", "leave", false, []],
    ["that it was banned from before it was ever there", "ban", false, []],
])("of a room %s the keys are kept, or are not its own", (_, value, wasThere, kept) => {
    membership(value);
    if (wasThere) database.sql.exec("UPDATE rooms SET joined_at = 1");
    expect(leftRooms.kept()).toEqual(kept);
});

test("a room whose keys were forgotten is as if it had never been the bot's, until it is back", async () => {
    const told: (readonly string[])[] = [];
    const part = forgetting({ tellRooms: () => Promise.resolve(void told.push(leftRooms.kept())) });
    membership("join");
    database.sql.exec("UPDATE rooms SET joined_at = 1");
    membership("leave");
    await part.look();
    await days(part, 31);
    expect(forgotten).toEqual([ROOM]);
    expect([told[0], told.at(-1)]).toEqual([[ROOM], []]);
    membership("join");
    expect(leftRooms.kept()).toEqual([ROOM]);
});

test("what cannot be told is told at the next look, also where nothing is forgotten", async () => {
    let told = 0;
    const part = forgetting({
        after: "keep",
        tellRooms: () => (told++ === 0 ? Promise.reject(new Error("disk full")) : Promise.resolve()),
    });
    await part.look();
    await part.look();
    expect(told).toBe(2);
});
