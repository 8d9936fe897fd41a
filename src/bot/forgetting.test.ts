import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { LeftRooms } from "../rooms/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { Forgetting, type ForgettingParts } from "./forgetting.ts";
import { schemas } from "./schemas.ts";

const nothing = (): void => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };
const ROOM = "!room:home";
const day = 24 * 3_600_000;

let database: Database;
let leftRooms: LeftRooms;
let now: number;
let forgotten: string[];

beforeEach(() => {
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
        forgetRows: () => undefined,
        removeCopies: () => undefined,
        log: silent,
        monotonic: () => now,
        ...more,
    });
}

/** What the recording of a batch does. */
function membership(value: string): void {
    database.sql
        .prepare("INSERT INTO rooms (room_id, membership) VALUES (?, ?) ON CONFLICT DO UPDATE SET membership = excluded.membership")
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
    // Another process has another monotonic clock; that of the computer may say anything.
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
