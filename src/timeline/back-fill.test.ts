import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import {
    HomeserverError,
    type HomeserverProblem,
    type MessagesOptions,
    type MessagesPage,
} from "../homeserver/index.ts";
import type { RoomEvent } from "../matrix/index.ts";
import { BackFill, backFillBounds, type BackFillBounds } from "./back-fill.ts";
import { Gaps } from "./gaps.ts";
import { timelineSchema } from "./schema.ts";
import { message } from "./testing/messages.ts";
import { TimelineRooms } from "./timeline-rooms.ts";
import { SessionUses } from "./session-uses.ts";

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
let monotonic: number;
let lines: string[];
let backFill: BackFill;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [timelineSchema] });
    past = new PastOfARoom();
    past.events.push(...Array.from({ length: 35 }, (_, index) => message(1, index, 1000 + index)));
    [now, monotonic, lines] = [1_800_000_000_000, 0, []];
    backFill = newBackFill();
    new TimelineRooms(database).add(room);
});
afterEach(async () => {
    await backFill.stop();
    database.close();
});

function newBackFill(bounds: Partial<BackFillBounds> = {}): BackFill {
    const log = {
        debug() {},
        info() {},
        warn: (_: object, text: string) => void lines.push(text),
        error() {},
        child: () => log,
    };
    return new BackFill({
        database,
        homeserver: past,
        recorded: () => {},
        now: () => now,
        monotonic: () => monotonic,
        random: () => 0,
        log,
        bounds: { ...backFillBounds, ...bounds },
        rest: () => Promise.resolve(),
    });
}

function pass(milliseconds: number): void {
    now += milliseconds;
    monotonic += milliseconds;
}

/** One search, to where nothing is due. */
async function fill(): Promise<void> {
    backFill.wake();
    await new Promise((resolve) => setTimeout(resolve));
}

const gaps = (): Gaps => new Gaps(database);
const isOpen = (): boolean => gaps().ofRoom(room) !== "none";
const known = (): number =>
    [...new SessionUses(database).pages(room)].flat().reduce((sum, { events }) => sum + events, 0);
const isCut = (): boolean => new TimelineRooms(database).isCut(room);
const problem = (given: HomeserverProblem): HomeserverError => new HomeserverError("messages", given);

test("a gap to the beginning is read page by page, and closed where nothing is before", async () => {
    gaps().add(room, "30", undefined);
    await fill();
    expect(past.asked).toEqual(["30", "20", "10"]);
    expect([known(), isOpen(), isCut()]).toEqual([30, false, false]);
});

test("without a token the search begins with the newest event", async () => {
    gaps().add(room, undefined, undefined);
    await fill();
    expect(past.asked).toEqual([undefined, "25", "15", "5"]);
    expect(known()).toBe(35);
});

test.each([[true], [false]])(
    "a gap between two batches ends where we know on, if the server heeds `to`: %s",
    async (heedsTo) => {
        gaps().add(room, "10", undefined);
        await fill();
        past.heedsTo = heedsTo;
        // A token of another kind for the same place.
        gaps().add(room, "30", "010");
        await fill();
        expect([known(), isOpen()]).toEqual([30, false]);
        expect(past.asked).toEqual(["10", "30", "20", ...(heedsTo ? [] : ["10"])]);
    },
);

test("a stop in the middle, or a kill, costs one page at most: the next start goes on where it was", async () => {
    gaps().add(room, "30", undefined);
    past.onAsked = () => {
        if (past.asked.length === 2) void backFill.stop();
    };
    await fill();
    expect([known(), isOpen()]).toEqual([10, true]);
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
    expect([known(), past.asked.length, isOpen(), isCut()]).toEqual([20, 2, false, true]);
});

test("rooms take turns, the one with the longest past last", async () => {
    const rooms: string[] = [];
    const homeserver = {
        messages: (roomId: string, options: MessagesOptions) => (rooms.push(roomId), past.messages(roomId, options)),
    };
    backFill = new BackFill({
        database,
        homeserver,
        recorded: () => {},
        now: () => now,
        monotonic: () => monotonic,
        random: () => 0,
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
    expect([past.asked.length, isOpen()]).toEqual([1, true]);
    pass(5_000);
    await fill();
    expect([known(), isOpen(), isCut()]).toEqual([10, false, false]);
});

test("a clock that is set back does not make the search wait until it is there again", async () => {
    past.faults.push(problem({ kind: "unreachable", reason: "refused", detail: "" }));
    gaps().add(room, "10", undefined);
    await fill();
    now -= 365 * 24 * 3_600_000;
    pass(5_000);
    await fill();
    expect([known(), isOpen()]).toEqual([10, false]);
});

test.each<[string, HomeserverProblem]>([
    ["a refusal", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "" }],
    ["a token that nobody knows any more", { kind: "invalid", status: 400, errcode: "M_UNKNOWN", error: "" }],
])("%s ends the search when it is said three times: what is missing is known to be", async (_, given) => {
    past.faults.push(problem(given), problem(given), problem(given));
    gaps().add(room, "30", undefined);
    for (let answer = 1; answer <= 3; answer++) {
        expect(isOpen()).toBe(true);
        await fill();
        pass(3_600_000);
    }
    await fill();
    expect([past.asked.length, gaps().ofRoom(room), isCut(), lines.length]).toEqual([3, "none", true, 1]);
});

test.each<[string, HomeserverProblem]>([
    ["is away", { kind: "unreachable", reason: "refused", detail: "" }],
    ["answers nothing that makes sense", { kind: "malformed", detail: "chunk" }],
])(
    "for a homeserver that %s nobody waits after three times, and the search goes on when it is back",
    async (_, given) => {
        past.faults.push(...Array.from({ length: 6 }, () => problem(given)));
        gaps().add(room, "30", undefined);
        const seen: string[] = [];
        for (let answer = 1; answer <= 7; answer++) {
            await fill();
            seen.push(gaps().ofRoom(room));
            pass(3_600_000);
        }
        expect(seen).toEqual(["open", "open", "stalled", "stalled", "stalled", "stalled", "none"]);
        expect([known(), isCut()]).toEqual([30, false]);
    },
);

test("a room that was left while its page was under way is not called cut", async () => {
    backFill = newBackFill({ refusals: 1 });
    past.faults.push(problem({ kind: "forbidden", errcode: "M_FORBIDDEN", error: "" }));
    past.onAsked = () => gaps().forget(room);
    gaps().add(room, "30", undefined);
    await fill();
    expect(isCut()).toBe(false);
});

test("what is read once more keeps nobody waiting, and where it ends says nothing of the room's beginning", async () => {
    database.sql.exec(`INSERT INTO timeline_gaps (room_id, again) VALUES ('${room}', 1)`);
    backFill = newBackFill({ pagesOfAGap: 2 });
    expect(isOpen()).toBe(false);
    await fill();
    expect([past.asked.length, gaps().all().length, isCut()]).toEqual([2, 0, false]);
});
