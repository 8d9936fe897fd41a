import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import type { JoinedRoomChanges, SyncBatch } from "../matrix/index.ts";
import { Gaps } from "./gaps.ts";
import { TimelineRecorder } from "./recorder.ts";
import { timelineSchema } from "./schema.ts";
import { message } from "./testing/messages.ts";
import { SessionUses } from "./session-uses.ts";
import { TimelineRooms } from "./timeline-rooms.ts";

const room = "!room:home";
const week = 7 * 24 * 3_600_000;
const begin = Date.UTC(2026, 0);
const create = {
    type: "m.room.create",
    eventId: "$create",
    sender: "@alice:home",
    originServerTs: begin,
    content: {},
    stateKey: "",
};

let database: Database;
let recorder: TimelineRecorder;
let lastBatchAt: number | undefined;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [timelineSchema] });
    lastBatchAt = undefined;
    recorder = new TimelineRecorder({ database, lastBatchAt: () => lastBatchAt, now: () => begin });
});

function batch(
    since: string | undefined,
    changes: Partial<JoinedRoomChanges>,
    left: readonly string[] = [],
): SyncBatch {
    const quiet = { limited: false, prevBatch: undefined, state: [], timeline: [] };
    return {
        since,
        nextBatch: "next",
        crypto: {
            toDevice: [],
            deviceLists: { changed: [], left: [] },
            oneTimeKeyCounts: {},
            unusedFallbackKeyTypes: undefined,
        },
        joined: new Map([[room, { ...quiet, ...changes }]]),
        invited: new Map(),
        left: new Map(left.map((roomId) => [roomId, quiet])),
    };
}

const record = (given: SyncBatch): void => database.transaction(() => recorder.record(given));
const gaps = (): readonly object[] => new Gaps(database).all().map(({ roomId, from, to }) => ({ roomId, from, to }));
const firstAt = (): readonly number[] => [...new SessionUses(database).pages(room)].flat().map((use) => use.firstAt);

test("a room that is new to us is looked at to its beginning, whatever the server says of a limit", () => {
    record(batch("s1", { prevBatch: "p1" }));
    expect(gaps()).toEqual([{ roomId: room, from: "p1", to: undefined }]);
});

test("in a room that we know, a limited timeline leaves a gap back to the batch before, and another none", () => {
    record(batch("s1", { prevBatch: "p1" }));
    record(batch("s2", { prevBatch: "p2" }));
    record(batch("s3", { prevBatch: "p3", limited: true }));
    expect(gaps()).toEqual([
        { roomId: room, from: "p1", to: undefined },
        { roomId: room, from: "p3", to: "s3" },
    ]);
});

test("a room that we joined again is looked at anew, and all that was open or given up before is void", () => {
    record(batch("s1", { prevBatch: "p1" }));
    new TimelineRooms(database).setCut(room, true);
    record(batch("s2", { prevBatch: "p2", limited: true, state: [create] }));
    expect(gaps()).toEqual([{ roomId: room, from: "p2", to: undefined }]);
    expect(new TimelineRooms(database).isCut(room)).toBe(false);
});

test("what was counted before a gap is not taken for the whole room any more", () => {
    record(batch("s1", { prevBatch: "p1" }));
    const rooms = new TimelineRooms(database);
    const whole = { complete: true, events: 4, covered: 4, coveredShare: 1, coversSince: begin };
    const sessions = { missing: 0, unknown: 0, withheld: 0 };
    const rest = { sessions, withheldFromBot: { sessions: 0, senders: [] }, comparable: undefined };
    database.transaction(() => rooms.store({ roomId: room, revision: 1 }, { reach: "start", ...whole, ...rest }));
    record(batch("s2", { timeline: [message(1, 0, begin)] }));
    expect(rooms.coverage(room)).toMatchObject({ reach: "start", complete: true });
    record(batch("s3", { prevBatch: "p3", limited: true }));
    expect(rooms.coverage(room)).toMatchObject({ reach: "under_way", complete: false, events: 4, covered: 4 });
});

test("in a room that we left nothing is searched", () => {
    record(batch("s1", { prevBatch: "p1" }));
    record({ ...batch("s2", {}, [room]), joined: new Map() });
    expect(gaps()).toEqual([]);
});

test("rooms from before there was such a record are looked at from now backwards, once", () => {
    database.transaction(() => recorder.adopt([room]));
    database.transaction(() => recorder.adopt([room]));
    record(batch("s1", {}));
    expect(gaps()).toEqual([{ roomId: room, from: undefined, to: undefined }]);
});

test("a batch that comes again counts nothing twice", () => {
    const told = batch("s1", { timeline: [message(1, 0, begin), message(1, 1, begin)] });
    record(told);
    record(told);
    expect([...new SessionUses(database).pages(room)].flat()).toMatchObject([{ events: 2 }]);
});

test.each<[string, number, number]>([
    ["from the future is from now", begin + 1, begin],
    ["of long before the batch before is of a week before that", 0, begin - 1000 - week],
    ["of in between is believed", begin - week, begin - week],
])("a new event %s", (_, claimed, at) => {
    record(batch("s1", {}));
    lastBatchAt = begin - 1000;
    record(batch("s2", { timeline: [message(1, 0, claimed)] }));
    expect(firstAt()).toEqual([at]);
});

test("where our own clock was set back, an event is not taken for older than the batch before it", () => {
    record(batch("s1", {}));
    lastBatchAt = begin + 10 * week;
    record(batch("s2", { timeline: [message(1, 0, begin + 10 * week - 5)] }));
    expect(firstAt()).toEqual([begin + 10 * week - 5]);
});

test("behind a gap an event may be as old as it says", () => {
    record(batch("s1", {}));
    lastBatchAt = begin - 1000;
    record(batch("s2", { limited: true, prevBatch: "p2", timeline: [message(1, 0, begin - 10 * week)] }));
    expect(firstAt()).toEqual([begin - 10 * week]);
});
