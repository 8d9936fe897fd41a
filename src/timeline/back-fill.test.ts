import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { HomeserverError, type HomeserverProblem, type MessagesOptions, type MessagesPage } from "../homeserver/index.ts";
import type { RoomEvent } from "../matrix/index.ts";
import { BackFill, backFillBounds, type BackFillBounds } from "./back-fill.ts";
import { Gaps } from "./gaps.ts";
import { timelineSchema } from "./schema.ts";
import { message } from "./testing/messages.ts";
import { TimelineRooms } from "./timeline-rooms.ts";
import { Timelines } from "./timelines.ts";

const room = "!room:home";

/** A room's past, oldest first, handed out backwards; a token is the number of events before it. */
class PastOfARoom {
    readonly events: RoomEvent[] = [];
    readonly asked: (string | undefined)[] = [];
    /** What comes instead of the next pages. */
    readonly faults: Error[] = [];
    heedsTo = true;
    pageSize = 10;
    onAsked: () => void = () => {};

    messages(_: string, { from, to, limit, signal }: MessagesOptions): Promise<MessagesPage> {
        this.asked.push(from);
        this.onAsked();
        if (signal.aborted) return Promise.reject(new DOMException("stopped", "AbortError"));
        const fault = this.faults.shift();
        if (fault !== undefined) return Promise.reject(fault);
        const end = from === undefined ? this.events.length : Number(from);
        const stop = to === undefined || !this.heedsTo ? 0 : Number(to);
        const begin = Math.max(stop, end - Math.min(limit, this.pageSize));
        const events = this.events.slice(begin, end).toReversed();
        return Promise.resolve({ events: events.map(asSent), end: begin <= stop ? undefined : String(begin) });
    }
}

function asSent({ eventId, originServerTs, ...event }: RoomEvent): object {
    return { ...event, event_id: eventId, origin_server_ts: originServerTs };
}

let database: Database;
let past: PastOfARoom;
let now: number;
let lines: string[];
let backFill: BackFill;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [timelineSchema] });
    past = new PastOfARoom();
    past.events.push(...Array.from({ length: 35 }, (_, index) => message(1, index, 1000 + index)));
    [now, lines] = [1_800_000_000_000, []];
    backFill = newBackFill();
    new TimelineRooms(database).add(room);
});
afterEach(async () => {
    await backFill.stop();
    database.close();
});

function newBackFill(bounds: Partial<BackFillBounds> = {}): BackFill {
    const log = { debug() {}, info() {}, warn: (_: object, text: string) => void lines.push(text), error() {}, child: () => log };
    return new BackFill({
        database,
        homeserver: past,
        recorded: () => {},
        now: () => now,
        log,
        bounds: { ...backFillBounds, ...bounds },
        rest: () => Promise.resolve(),
    });
}

/** One search, to where nothing is due. */
async function fill(): Promise<void> {
    backFill.wake();
    await new Promise((resolve) => setTimeout(resolve));
}

const gaps = (): Gaps => new Gaps(database);
const known = (): number => new Timelines(database).sessionTimes(room).reduce((sum, { events }) => sum + events, 0);
const isCut = (): boolean => new TimelineRooms(database).isCut(room);
const problem = (given: HomeserverProblem): HomeserverError => new HomeserverError("messages", given);

test("a gap to the beginning is read page by page, and closed where nothing is before", async () => {
    gaps().add(room, "30", undefined);
    await fill();
    expect(past.asked).toEqual(["30", "20", "10"]);
    expect([known(), gaps().isOpen(room), isCut()]).toEqual([30, false, false]);
});

test("without a token the search begins with the newest event", async () => {
    gaps().add(room, undefined, undefined);
    await fill();
    expect(past.asked).toEqual([undefined, "25", "15", "5"]);
    expect(known()).toBe(35);
});

test.each([[true], [false]])("a gap between two batches ends where we know on, if the server heeds `to`: %s", async (heedsTo) => {
    gaps().add(room, "10", undefined);
    await fill();
    past.heedsTo = heedsTo;
    // A token of another kind for the same place.
    gaps().add(room, "30", "010");
    await fill();
    expect([known(), gaps().isOpen(room)]).toEqual([30, false]);
    expect(past.asked).toEqual(["10", "30", "20", ...(heedsTo ? [] : ["10"])]);
});

test("a stop in the middle, or a kill, costs one page at most: the next start goes on where it was", async () => {
    gaps().add(room, "30", undefined);
    past.onAsked = () => {
        if (past.asked.length === 2) void backFill.stop();
    };
    await fill();
    expect([known(), gaps().isOpen(room)]).toEqual([10, true]);
    past.onAsked = () => {};
    backFill = newBackFill();
    await fill();
    expect(past.asked).toEqual(["30", "20", "20", "10"]);
    expect([known(), isCut()]).toEqual([30, false]);
});

test.each<[string, Partial<BackFillBounds>]>([
    ["a gap", { pagesOfAGap: 2 }],
    ["everything", { pagesInAll: 2 }],
])("the bound for %s ends the search, and the room is known to be cut", async (_, bounds) => {
    backFill = newBackFill(bounds);
    gaps().add(room, "30", undefined);
    await fill();
    expect([known(), past.asked.length, gaps().isOpen(room), isCut()]).toEqual([20, 2, false, true]);
});

test("rooms take turns, the one with the longest past last", async () => {
    const rooms: string[] = [];
    const homeserver = { messages: (roomId: string, options: MessagesOptions) => (rooms.push(roomId), past.messages(roomId, options)) };
    backFill = new BackFill({
        database,
        homeserver,
        recorded: () => {},
        now: () => now,
        log: { debug() {}, info() {}, warn() {}, error() {}, child: () => lines as never },
        rest: () => Promise.resolve(),
    });
    gaps().add("!long:home", "30", undefined);
    gaps().add("!short:home", "15", undefined);
    await fill();
    expect(rooms).toEqual(["!long:home", "!short:home", "!long:home", "!short:home", "!long:home"]);
});

test.each<[string, HomeserverProblem]>([
    ["an absent homeserver", { kind: "unreachable", reason: "refused", detail: "" }],
    ["a 429", { kind: "rate_limited", retryAfterMs: 2_000 }],
    ["a 500", { kind: "server_error", status: 500, errcode: "M_UNKNOWN", error: "", retryAfterMs: undefined }],
    ["a senseless answer", { kind: "malformed", detail: "chunk" }],
])("after %s the gap is asked for again, but not at once", async (_, given) => {
    past.faults.push(problem(given));
    gaps().add(room, "10", undefined);
    await fill();
    await fill();
    expect([past.asked.length, gaps().isOpen(room)]).toEqual([1, true]);
    now += 5_000;
    await fill();
    expect([known(), gaps().isOpen(room), isCut()]).toEqual([10, false, false]);
});

test.each<[string, HomeserverProblem, number]>([
    ["a refusal", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "" }, 1],
    ["a token that nobody knows any more", { kind: "invalid", status: 400, errcode: "M_UNKNOWN", error: "" }, 1],
    ["one senseless answer after the other", { kind: "malformed", detail: "chunk" }, 5],
])("%s ends the search: what is missing stays missing, and is known to", async (_, given, answers) => {
    past.faults.push(...Array.from({ length: answers }, () => problem(given)));
    gaps().add(room, "30", undefined);
    for (let answer = 0; answer < answers; answer++) {
        await fill();
        now += 3_600_000;
    }
    expect([past.asked.length, gaps().isOpen(room), isCut(), lines.length]).toEqual([answers, false, true, 1]);
});

test("a room that was left while its page was under way is not called cut", async () => {
    past.faults.push(problem({ kind: "forbidden", errcode: "M_FORBIDDEN", error: "" }));
    past.onAsked = () => gaps().forget(room);
    gaps().add(room, "30", undefined);
    await fill();
    expect(isCut()).toBe(false);
});
