import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HeldSession, KeyRefusal } from "../crypto/index.ts";
import { type Database, openDatabase } from "../database/index.ts";
import { CoverageCount, type Inviter } from "./coverage-count.ts";
import { Gaps } from "./gaps.ts";
import { timelineSchema } from "./schema.ts";
import { SessionUses } from "./session-uses.ts";
import { message, sessionId } from "./testing/messages.ts";
import { TimelineRooms } from "./timeline-rooms.ts";
import { Timelines } from "./timelines.ts";

const room = "!room:home";
const pageOfTheWorker = 7;

let database: Database;
let held: HeldSession[];
let refusals: KeyRefusal[];
let asked: number;
let rests: number[];
let meanwhile: () => void;
let resting: (signal: AbortSignal) => Promise<void>;
let fault: Error | undefined;
let count: CoverageCount;
let lines: string[];
let inviter: Inviter | undefined;
let kept: string[];

beforeEach(() => {
    vi.useFakeTimers();
    database = openDatabase({ path: ":memory:", schemas: [timelineSchema] });
    [held, refusals, asked, fault, lines, rests, meanwhile] = [[], [], 0, undefined, [], [], () => {}];
    [inviter, kept] = [undefined, []];
    resting = () => Promise.resolve();
    database.transaction(() => new TimelineRooms(database).add(room));
    const log = {
        debug() {},
        info() {},
        warn: (_: object, text: string) => void lines.push(text),
        error() {},
        child: () => log,
    };
    count = new CoverageCount({
        database,
        crypto: {
            heldSessions: (_, after = "") => {
                asked++;
                meanwhile();
                if (fault !== undefined) return Promise.reject(fault);
                return Promise.resolve(held.filter((session) => session.sessionId > after).slice(0, pageOfTheWorker));
            },
            keyRefusals: () => Promise.resolve(refusals),
        },
        inviterWithoutBundle: () => inviter,
        keptToThemselves: (roomId, { userId }) => void kept.push(`${userId} in ${roomId}`),
        counted: () => {},
        rest: (milliseconds, signal) => (rests.push(milliseconds), resting(signal)),
        monotonic: () => performance.now(),
        random: () => 0,
        log,
    });
});
afterEach(async () => {
    await count.stop();
    vi.useRealTimers();
    database.close();
});

function say(session: number, index: number): void {
    database.transaction(() => {
        new SessionUses(database).record(room, [message(session, index, 1000 + session)], {
            notBefore: 0,
            notAfter: 1_000_000,
        });
        new TimelineRooms(database).touch(room);
    });
}

const hold = (session: number, firstIndex = 0): HeldSession => ({
    sessionId: sessionId(session),
    firstIndex,
    verdict: "shareable",
    given: false,
});
const coverage = (): object | undefined => new Timelines(database).coverage(room);
/** A round to its end; rests are left to the timers. */
const settle = async (milliseconds = 0): Promise<void> => {
    count.wake();
    await vi.advanceTimersByTimeAsync(milliseconds);
    await new Promise((resolve) => process.nextTick(resolve));
};

test("a room is counted over all pages, of what we hold and of what is used", async () => {
    for (let session = 0; session < 600; session++) say(session, 0);
    say(599, 5);
    held = Array.from({ length: 599 }, (_, session) => hold(session));
    held.push(hold(599, 3));
    vi.useRealTimers();
    count.wake();
    await vi.waitFor(() => expect(coverage()).toBeDefined());
    expect(coverage()).toMatchObject({ events: 601, covered: 600, complete: true, sessions: { missing: 0 } });
});

test("what is missing is told from what was refused", async () => {
    say(1, 0);
    say(2, 0);
    refusals = [{ sessionId: sessionId(2), sender: "@alice:home", code: "m.unverified" }];
    await settle();
    expect(coverage()).toMatchObject({
        events: 2,
        sessions: { missing: 2 },
        withheldFromBot: { sessions: 1, senders: ["@alice:home"] },
    });
});

test("whether whoever invited the bot without a bundle had keys to give is seen at each count, from any of their sessions", async () => {
    inviter = { userId: "@alice:home", invitedAfter: 10_000_000 };
    say(1, 0);
    say(2, 0);
    await settle();
    expect(kept).toEqual([]);
    held = [hold(2, 7)];
    say(1, 1);
    await settle(60_000);
    expect([kept, coverage()]).toMatchObject([["@alice:home in !room:home"], { events: 3 }]);
});

test("a bot that nobody invited without a bundle asks nothing of anybody's sessions", async () => {
    say(1, 0);
    held = [hold(1)];
    await settle();
    inviter = { userId: "@bob:home", invitedAfter: 10_000_000 };
    say(1, 1);
    await settle(60_000);
    expect(kept).toEqual([]);
});

test.each<[string, () => void, string]>([
    ["start", () => {}, "start"],
    ["under way", () => new Gaps(database).add(room, "p1", undefined), "under_way"],
    [
        "stalled",
        () => {
            new Gaps(database).add(room, "p1", undefined);
            for (const gap of new Gaps(database).all()) new Gaps(database).stall(gap);
        },
        "cut",
    ],
    ["cut", () => new TimelineRooms(database).setCut(room, true), "cut"],
])("the search for the beginning: %s", async (_, given, reach) => {
    given();
    await settle();
    expect(coverage()).toMatchObject({ reach });
});

test("nothing is counted twice without a change, and a room that was just counted rests", async () => {
    await settle();
    await settle(60_000);
    expect(asked).toBe(1);
    say(1, 0);
    await settle();
    expect([asked, coverage()]).toMatchObject([2, { events: 1 }]);
    say(1, 1);
    await settle();
    expect(asked).toBe(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(coverage()).toMatchObject({ events: 2 });
});

test("the end of the search is counted at once, and the room rests after it", async () => {
    database.transaction(() => new Gaps(database).add(room, "p1", undefined));
    await settle();
    expect(coverage()).toMatchObject({ reach: "under_way" });
    say(1, 0);
    await settle();
    expect(asked).toBe(1);
    database.transaction(() => new Gaps(database).forget(room));
    await settle();
    expect([asked, coverage(), new Timelines(database).isCounted(room)]).toMatchObject([
        2,
        { reach: "start", events: 1 },
        true,
    ]);
    say(1, 1);
    await settle();
    expect([asked, new Timelines(database).isCounted(room)]).toEqual([2, false]);
});

test("a count that failed is made again after a while", async () => {
    fault = new Error("the worker is busy dying");
    await settle();
    expect([coverage(), lines.length]).toEqual([undefined, 1]);
    fault = undefined;
    await settle(30_000);
    expect(coverage()).toMatchObject({ events: 0 });
});

test("what changes during a count is counted after it", async () => {
    say(1, 0);
    count.wake();
    say(2, 0);
    await settle();
    await settle(60_000);
    expect(coverage()).toMatchObject({ events: 2 });
});

test.each<[string, () => void, () => void, string]>([
    ["begins", () => {}, () => new Gaps(database).add(room, "p1", undefined), "under_way"],
    ["ends", () => new Gaps(database).add(room, "p1", undefined), () => new Gaps(database).forget(room), "under_way"],
    ["is over", () => {}, () => {}, "start"],
])("a search that %s during a count is under way for it", async (_, before, during, reach) => {
    database.transaction(before);
    meanwhile = () => {
        meanwhile = () => {};
        database.transaction(during);
    };
    await settle();
    expect(coverage()).toMatchObject({ reach });
});

test.each([
    ["three times as long as a page took", 10, 30],
    ["not long, however long the worker had something else to do", 5_000, 50],
    ["not at all where a page took nothing", 0, undefined],
])("between two pages others have their turn: %s", async (_, took, rest) => {
    held = Array.from({ length: 2 * pageOfTheWorker }, (__, session) => hold(session));
    meanwhile = () => void vi.advanceTimersByTime(took);
    await settle();
    await vi.waitFor(() => expect(coverage()).toBeDefined());
    expect(rests).toEqual(rest === undefined ? [] : [rest, rest]);
});

test.each([
    ["in a pause", 10],
    ["where none is due", 0],
])("a stop gives up a count under way, %s, and what was not counted waits for the next start", async (_, took) => {
    held = Array.from({ length: 10 * pageOfTheWorker }, (__, session) => hold(session));
    const stopped = Promise.withResolvers<void>();
    const stop = (): void => stopped.resolve(count.stop());
    resting = (signal) => new Promise((resolve) => (signal.addEventListener("abort", () => resolve()), stop()));
    meanwhile = () => {
        vi.advanceTimersByTime(took);
        if (took === 0) stop();
    };
    count.wake();
    await stopped.promise;
    expect([asked, coverage(), lines, new TimelineRooms(database).uncounted().length]).toEqual([1, undefined, [], 1]);
});
