import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Due, type DueItem, type Later, type Outcome } from "./due.ts";
import { waitsUntil } from "./due-columns.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
/** The part's clock when a test begins. */
const begun = 2_400 * hour;

beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});

afterEach(() => {
    vi.useRealTimers();
});

/** A part with rows in a database, and work that ends as the test says. */
class Part {
    readonly sql = new DatabaseSync(":memory:");
    /** What was begun, and after how many milliseconds. */
    readonly begun: (readonly [string, number])[] = [];
    readonly recorded: (Later | undefined)[] = [];
    readonly faults: string[] = [];
    work: (item: DueItem) => Promise<Outcome> = () => Promise.resolve({ is: "done" });
    readonly due: Due<DueItem>;
    readonly #start = performance.now();

    constructor(atOnce = 2) {
        this.sql.exec(
            "CREATE TABLE part (key TEXT PRIMARY KEY, due_at INTEGER, not_before INTEGER DEFAULT 0, failures INTEGER DEFAULT 0)",
        );
        const waits = waitsUntil("due_at", "not_before");
        this.due = new Due({
            name: "the test",
            atOnce,
            pace: { first: second, longest: minute },
            now: () => this.now,
            random: () => 0,
            log: { error: (_facts, message) => this.faults.push(message) },
            due: (now) =>
                this.sql
                    .prepare(`SELECT * FROM part WHERE ${waits} <= ?1 ORDER BY due_at`)
                    .all(now)
                    .map((row) => ({ key: String(row["key"]), failures: Number(row["failures"]) })),
            nextAt: (now) => {
                const at = this.sql.prepare(`SELECT min(${waits}) AS at FROM part WHERE ${waits} > ?1`).get(now)?.[
                    "at"
                ];
                return typeof at === "number" ? at : undefined;
            },
            work: async (item) => {
                this.begun.push([item.key, this.passed]);
                return await this.work(item);
            },
            record: (item, later) => this.#record(item, later),
        });
    }

    get passed(): number {
        return performance.now() - this.#start;
    }

    get now(): number {
        return begun + this.passed;
    }

    add(key: string, dueIn: number): void {
        this.sql.prepare("INSERT INTO part (key, due_at) VALUES (?, ?)").run(key, this.now + dueIn);
    }

    #record({ key }: DueItem, later: Later | undefined): void {
        this.recorded.push(later);
        if (later === undefined) this.sql.prepare("DELETE FROM part WHERE key = ?").run(key);
        else
            this.sql
                .prepare("UPDATE part SET due_at = ?, failures = ?, not_before = ? WHERE key = ?")
                .run(later.at, later.failures, later.notBefore, key);
    }
}

test("each item is worked on when it falls due, once, without another wake", async () => {
    const part = new Part();
    part.add("later", 5 * minute);
    part.add("now", -second);
    part.due.wake();
    part.due.wake();
    await vi.advanceTimersByTimeAsync(hour);
    expect(part.begun).toEqual([
        ["now", 0],
        ["later", 5 * minute],
    ]);
    expect(vi.getTimerCount()).toBe(0);
});

test("so many are worked on at once and no more; the next begins when one ends", async () => {
    const part = new Part(2);
    for (const key of ["a", "b", "c"]) part.add(key, 0);
    const ends: (() => void)[] = [];
    part.work = () => new Promise((resolve) => ends.push(() => resolve({ is: "done" })));
    part.due.wake();
    part.due.wake();
    expect(part.begun.map(([key]) => key)).toEqual(["a", "b"]);
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(part.begun.map(([key]) => key)).toEqual(["a", "b", "c"]);
});

test("what fails is tried again ever more rarely, and what waits for a time is no failure", async () => {
    const part = new Part();
    part.add("a", 0);
    part.work = ({ failures }) =>
        Promise.resolve(failures < 8 ? { is: "failed" } : { is: "waits", until: part.now + hour });
    part.due.wake();
    await vi.advanceTimersByTimeAsync(10 * minute);
    const times = part.begun.map(([, at]) => at);
    expect(times.slice(1).map((at, index) => (at - (times[index] ?? 0)) / second)).toEqual([
        1, 2, 4, 8, 16, 32, 60, 60,
    ]);
    expect(part.recorded.at(-1)).toMatchObject({ failures: 8, notBefore: 0 });
});

test("who refused is not asked before the time they named, and the others go on", async () => {
    const part = new Part();
    part.add("refused", 0);
    part.add("other", minute);
    part.work = ({ key }) =>
        Promise.resolve(key === "refused" ? { is: "failed", retryAfterMs: 10 * hour } : { is: "done" });
    part.due.wake();
    await vi.advanceTimersByTimeAsync(hour);
    // Something else makes it due.
    part.sql.exec("UPDATE part SET due_at = 0");
    part.due.wake();
    await vi.advanceTimersByTimeAsync(10 * hour);
    expect(part.begun).toEqual([
        ["refused", 0],
        ["other", minute],
        ["refused", 10 * hour],
    ]);
});

test("a refusal that covers all makes the part rest", async () => {
    const part = new Part(1);
    part.add("a", -second);
    part.add("b", 0);
    part.work = ({ key }) =>
        Promise.resolve(key === "a" ? { is: "failed", retryAfterMs: 5 * minute, forAll: true } : { is: "done" });
    part.due.wake();
    await vi.advanceTimersByTimeAsync(minute);
    part.due.wake();
    await vi.advanceTimersByTimeAsync(5 * minute);
    expect(part.begun.filter(([key]) => key === "b")).toEqual([["b", 5 * minute]]);
});

test("what nobody expected is logged, nothing is recorded, and the part rests, whoever wakes it", async () => {
    const part = new Part();
    part.add("a", 0);
    part.work = () => Promise.reject(new Error("the disk is full"));
    part.due.wake();
    await vi.advanceTimersByTimeAsync(second);
    part.due.wake();
    await vi.advanceTimersByTimeAsync(28 * second);
    expect(part.faults).toEqual(["a fault stopped the test; resting"]);
    part.work = () => Promise.resolve({ is: "done" });
    await vi.advanceTimersByTimeAsync(2 * second);
    expect(part.begun).toEqual([
        ["a", 0],
        ["a", 30 * second],
    ]);
});

test("rows that cannot be read make the part rest", async () => {
    const part = new Part();
    part.sql.exec("ALTER TABLE part RENAME TO gone");
    part.due.wake();
    expect(part.faults).toHaveLength(1);
    part.sql.exec("ALTER TABLE gone RENAME TO part");
    part.add("a", 0);
    await vi.advanceTimersByTimeAsync(30 * second);
    expect(part.begun).toEqual([["a", 30 * second]]);
});

test("a mistake in a due time does not spin: an item rests for a second after a few runs", async () => {
    const part = new Part();
    part.add("a", 0);
    part.work = () => Promise.resolve({ is: "waits", until: part.now - minute });
    part.due.wake();
    await vi.advanceTimersByTimeAsync(10 * second);
    expect(part.begun.length).toBeLessThanOrEqual(10 * 11);
    await part.due.stop();
});

test("what is not ready is looked at when somebody wakes the part, also while it is being looked at", async () => {
    const part = new Part();
    part.add("a", 0);
    part.work = () => Promise.resolve({ is: "unready" });
    part.due.wake();
    await vi.advanceTimersByTimeAsync(hour);
    expect(part.begun).toHaveLength(1);
    part.work = () => {
        part.work = () => Promise.resolve({ is: "done" });
        part.due.wake();
        return Promise.resolve({ is: "unready" });
    };
    part.due.wake();
    await vi.advanceTimersByTimeAsync(hour);
    expect(part.begun.map(([, at]) => at)).toEqual([0, hour, hour]);
    expect(part.recorded).toEqual([undefined]);
});

test("a stop waits for what is under way, and nothing begins after it", async () => {
    const part = new Part();
    part.add("a", 0);
    part.add("b", minute);
    let end: () => void = () => undefined;
    part.work = () => new Promise((resolve) => (end = () => resolve({ is: "waits", until: part.now })));
    part.due.wake();
    let stopped = false;
    const stop = part.due.stop().then(() => (stopped = true));
    await vi.advanceTimersByTimeAsync(hour);
    expect(stopped).toBe(false);
    end();
    await stop;
    part.due.wake();
    await vi.advanceTimersByTimeAsync(hour);
    expect(part.begun).toEqual([["a", 0]]);
    expect(vi.getTimerCount()).toBe(0);
});

test("an aborted request is a stop of the bot, and no fault", async () => {
    const part = new Part();
    part.add("a", 0);
    part.work = () => Promise.reject(new DOMException("stop", "AbortError"));
    part.due.wake();
    await vi.advanceTimersByTimeAsync(hour);
    expect([part.begun.length, part.recorded, part.faults]).toEqual([1, [], []]);
});
