import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { RunningClock, runningClockSchema, wallTime } from "./running-clock.ts";

const minute = 60_000;
const hour = 60 * minute;

let database: Database;
/** Milliseconds since the process began, and by the wall clock. */
let time: { monotonic: number; wall: number };
let warnings: string[];

beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    database = openDatabase({ path: ":memory:", schemas: [runningClockSchema] });
    time = { monotonic: 0, wall: Date.now() };
    database.sql.prepare("UPDATE running_clock SET counted_at = ?").run(time.wall);
    warnings = [];
});
afterEach(() => {
    vi.useRealTimers();
    database.close();
});

/** A process begins. */
function start(): RunningClock {
    time.monotonic = 0;
    const clock = new RunningClock({ database, monotonic: () => time.monotonic, wall: () => time.wall });
    clock.start({ warn: (_, message) => warnings.push(message) });
    return clock;
}

/** So much time passes while the bot runs. */
function run(milliseconds: number): void {
    for (const clock of ["monotonic", "wall"] as const) time[clock] += milliseconds;
    vi.advanceTimersByTime(milliseconds);
}

test("it runs with the bot, whatever is done to the wall clock", () => {
    const clock = start();
    const begun = clock.now();
    run(10 * minute);
    time.wall -= 400 * 24 * hour;
    run(90);
    time.wall += 800 * 24 * hour;
    expect([clock.now() - begun, clock.ran()]).toEqual([10 * minute + 90, 10 * minute + 90]);
});

test.each([
    ["a restart of a minute", minute, minute],
    ["a day in which the bot did not run counts as an hour", 24 * hour, hour],
    ["a wall clock that was set back counts as nothing", -24 * hour, 0],
])("%s", (_, away, counted) => {
    const first = start();
    run(hour + 30);
    first.stop();
    const before = first.now();
    time.wall += away;
    expect(start().now() - before).toBe(counted);
});

test("a kill loses nothing but what the wall clock does not say", () => {
    const first = start();
    run(90_000);
    const before = first.now();
    vi.clearAllTimers();
    time.wall += 5_000;
    expect(start().now() - before).toBe(5_000);
});

test("what cannot be written, on a full disk for instance, is counted later", () => {
    const clock = start();
    const begun = clock.now();
    vi.spyOn(database, "transaction").mockImplementationOnce(() => {
        throw new Error("the disk is full");
    });
    run(minute);
    run(minute);
    clock.stop();
    expect([clock.now() - begun, warnings.length]).toEqual([2 * minute, 1]);
});

test("a time of it is shown as one of the wall clock", () => {
    const clock = start();
    run(minute);
    time.wall += 24 * hour;
    clock.count();
    const shown = database.sql.prepare(`SELECT ${wallTime("?")} AS at`).get(clock.now() + 30)?.["at"];
    expect(shown).toBe(time.wall + 30);
});

test("it takes over how long the bot has run from stores of earlier versions", () => {
    const sql = new DatabaseSync(":memory:");
    sql.exec("CREATE TABLE share_clock (ran INTEGER NOT NULL); INSERT INTO share_clock VALUES (1234)");
    for (const migration of runningClockSchema.migrations) migration(sql);
    expect(sql.prepare("SELECT ran FROM running_clock").get()).toEqual({ ran: 1_234 });
});
