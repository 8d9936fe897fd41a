import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openDatabase } from "../database/index.ts";
import { ShareClock } from "./ledger/share-clock.ts";
import { sharingSchema } from "./ledger/schema.ts";
import { RunningTime } from "./running-time.ts";

beforeEach(() => vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
afterEach(() => vi.useRealTimers());

test("the time that the bot ran is counted over restarts, and what could not be written is counted later", () => {
    const database = openDatabase({ path: ":memory:", schemas: [sharingSchema] });
    const clock = new ShareClock(database.sql);
    const warnings: string[] = [];
    let now = 5_000;
    let full = false;
    const runOf = () =>
        new RunningTime({
            database,
            clock: {
                count: (milliseconds) => {
                    if (full) throw new Error("disk full");
                    clock.count(milliseconds);
                },
            },
            log: {
                debug: () => {},
                info: () => {},
                warn: (_, message) => warnings.push(message),
                error: () => {},
                child: () => expect.fail(),
            },
            monotonic: () => now,
        });
    const first = runOf();
    first.start();
    for (const isFull of [false, true, false]) {
        full = isFull;
        now += 600_000;
        vi.advanceTimersByTime(600_000);
    }
    expect([clock.ran(), warnings.length]).toEqual([1_800_000, 1]);
    now += 1_000;
    first.stop();

    now = 7;
    const second = runOf();
    second.start();
    now += 500;
    second.stop();
    expect(clock.ran()).toBe(1_801_500);
});
