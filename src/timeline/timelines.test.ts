import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HeldSession } from "../crypto/index.ts";
import { type Database, openDatabase } from "../database/index.ts";
import { timelineSchema } from "./schema.ts";
import { SessionUses } from "./session-uses.ts";
import { message, sessionId } from "./testing/messages.ts";
import { TimelineRooms } from "./timeline-rooms.ts";
import { Timelines } from "./timelines.ts";

const room = "!room:home";
const pageOfTheWorker = 7;

let database: Database;
beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [timelineSchema] });
});
afterEach(() => database.close());

function say(session: number, index: number): void {
    database.transaction(() =>
        new SessionUses(database).record(room, [message(session, index, 1_000)], { notBefore: 0, notAfter: 2_000 }),
    );
}

const session = (number: number, verdict: HeldSession["verdict"], firstIndex = 0): HeldSession => ({
    sessionId: sessionId(number),
    firstIndex,
    verdict,
    given: false,
});

/** A worker that holds these; it counts how often it is asked. */
function worker(held: readonly HeldSession[]) {
    return {
        asked: 0,
        heldSessions(_: string, after = ""): Promise<readonly HeldSession[]> {
            this.asked += 1;
            return Promise.resolve(held.filter(({ sessionId: id }) => id > after).slice(0, pageOfTheWorker));
        },
    };
}

test.each<[string, readonly HeldSession[], boolean]>([
    ["nothing is held", [], false],
    ["a known message uses it", [session(1, "shareable")], true],
    ["no known message uses it", [session(9, "shareable")], false],
    ["its sender keeps it from newcomers", [session(1, "withheld")], false],
    ["nobody said whether it may be shared", [session(1, "unknown")], false],
    ["it opens only what comes after the known messages", [session(1, "shareable", 3)], false],
    ["it opens the last of them", [session(1, "shareable", 2)], true],
])("a key is of use: %s", async (_, held, usable) => {
    say(1, 2);
    expect(await new Timelines(database).isUsable(worker(held), room)).toBe(usable);
});

test("who has sent encrypted events in the room is known, and in no other", () => {
    say(1, 2);
    const timelines = new Timelines(database);
    expect([...timelines.sendersAmong(room, ["@alice:home", "@bob:home"])]).toEqual(["@alice:home"]);
    expect([...timelines.sendersAmong(room, ["@bob:home"])]).toEqual([]);
    expect([...timelines.sendersAmong("!other:home", ["@alice:home"])]).toEqual([]);
});

test("the first key that is of use ends the search for one, on whatever page it stands", async () => {
    say(2, 0);
    say(20, 0);
    const all = Array.from({ length: 30 }, (_, number) => session(number, "shareable"));
    const rich = worker(all);
    expect(await new Timelines(database).isUsable(rich, room)).toBe(true);
    expect(rich.asked).toBe(1);
    const poor = worker(all.slice(3));
    expect(await new Timelines(database).isUsable(poor, room)).toBe(true);
    expect(poor.asked).toBe(3);
    expect(await new Timelines(database).isUsable(worker(all.slice(21)), room)).toBe(false);
});

test("where the last count found one, nobody is asked", async () => {
    const sessions = { missing: 0, unknown: 0, withheld: 0 };
    const sums = { reach: "start", coversSince: 5, complete: true, coveredShare: 1, events: 3, covered: 3 } as const;
    const rooms = new TimelineRooms(database);
    const counted = (withheld: number): void =>
        database.transaction(() => {
            rooms.add(room);
            const comparable = { withheld, uncovered: [] };
            rooms.store(
                { roomId: room, revision: 1 },
                { ...sums, sessions, withheldFromBot: { sessions: 0, senders: [] }, comparable },
            );
        });
    const idle = worker([]);
    counted(2);
    expect([await new Timelines(database).isUsable(idle, room), idle.asked]).toEqual([true, 0]);
    counted(3);
    expect([await new Timelines(database).isUsable(idle, room), idle.asked]).toEqual([false, 1]);
});

test("what an earlier version counted is read, and says that it is not enough for a comparison", () => {
    const stored = {
        reach: "start",
        coversSince: 5,
        complete: true,
        coveredShare: 1,
        events: 3,
        covered: 3,
        sessions: { missing: 0, unknown: 0, withheld: 0 },
        withheldFromBot: { sessions: 0, senders: [] },
    };
    database.transaction(() => new TimelineRooms(database).add(room));
    database.sql
        .prepare("UPDATE timeline_rooms SET coverage = ?")
        .run(JSON.stringify({ ...stored, withoutSigns: ["@bob:home"] }));
    expect(new Timelines(database).coverage(room)).toEqual({ ...stored, comparable: undefined });
});

test("from an earlier version every room is counted anew, and each session has the time of its last message", () => {
    const sql = new DatabaseSync(":memory:");
    for (const migration of timelineSchema.migrations.slice(0, 2)) migration(sql);
    sql.exec(`
        INSERT INTO timeline_rooms (room_id, revision, counted) VALUES ('${room}', 4, 4);
        INSERT INTO timeline_sessions VALUES
            (1, '${room}', 'one', '@alice:home', 10, 2), (2, '${room}', 'two', '@alice:home', 30, 0);
        INSERT INTO timeline_events VALUES (1, 0, 10), (1, 1, 25);
    `);
    timelineSchema.migrations[2]?.(sql);
    expect(sql.prepare("SELECT last_at FROM timeline_sessions ORDER BY id").all()).toEqual([
        { last_at: 25 },
        { last_at: 30 },
    ]);
    expect(sql.prepare("SELECT revision, counted FROM timeline_rooms").get()).toEqual({ revision: 5, counted: 4 });
    sql.close();
});
