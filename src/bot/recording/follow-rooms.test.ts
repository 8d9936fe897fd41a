import { tmpdir } from "node:os";
import { beforeEach, expect, test } from "vitest";
import { Greetings } from "../../chat/index.ts";
import { type Database, openDatabase } from "../../database/index.ts";
import type { Room } from "../../rooms/index.ts";
import { schemas } from "../folder/schemas.ts";
import { ledgerOn } from "../testing/fixtures/story.ts";
import { followRooms, type FollowParts } from "./follow-rooms.ts";

const roomId = "!room:home";
let database: Database;
let now: number;
let room: Room;
let creation: Readonly<Record<string, unknown>>;
let coverage: ReturnType<FollowParts["ledger"]["timelines"]["coverage"]>;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas });
    room = {
        roomId,
        membership: "join",
        encryption: "encrypted",
        visibility: "shared",
        joinedAt: 0,
        openSince: 0,
        successor: undefined,
    };
    [now, creation, coverage] = [1_000_000, {}, undefined];
});

/** The room is seen; and a minute later, by a bot that was started anew, another one is. */
function seen(greetings: Greetings | undefined = new Greetings(database)): void {
    const follow = (roomIds: readonly string[]): void => {
        const { followedRooms } = ledgerOn(database, tmpdir());
        const rooms = { room: () => room, canInvite: () => true, createdBy: () => creation };
        const ledger = {
            rooms,
            timelines: { coverage: () => coverage },
            followedRooms,
            facts: { policy: () => ({ reinvite_thresholds: { proven: 95, likely: 70 } }) },
        };
        database.transaction(() => followRooms({ botUserId: "@bot:home", ledger, greetings, now: () => now }, roomIds));
    };
    follow([roomId]);
    now += 60_000;
    follow([]);
}
const noticed = (): readonly object[] => ledgerOn(database, tmpdir()).notices.standingAfter(0);
const share = (covered: number, reach: "start" | "under_way" = "start") => ({
    reach,
    coversSince: undefined,
    complete: false,
    coveredShare: covered,
    events: 100,
    covered: covered * 100,
    sessions: { missing: 0, unknown: 0, withheld: 0 },
    withheldFromBot: { sessions: 0, senders: [] },
    comparable: undefined,
});

test("a room whose history is closed after it was greeted is noticed, once", () => {
    seen();
    room = { ...room, visibility: "joined" };
    seen();
    seen();
    expect(noticed()).toEqual([{ about: "room", id: 1, roomId, trouble: "history_closed", present: true }]);
});

test("a room is followed from its greeting on: what the greeting said is no news", () => {
    const greetings = new Greetings(database);
    database.transaction(() => greetings.owe(roomId, "greeting"));
    seen(greetings);
    room = { ...room, visibility: "joined" };
    seen(greetings);
    greetings.sent({ roomId, txnId: "greeting", what: "greeting", said: "closed" }, now);
    seen(greetings);
    expect(noticed()).toEqual([]);
    room = { ...room, visibility: "shared" };
    seen(greetings);
    expect(noticed()).toMatchObject([{ trouble: "history_closed", present: false }]);
});

test("where greeting is off, rooms are followed from the first sight on", () => {
    coverage = share(0.7);
    seen(undefined);
    coverage = share(0.69);
    seen(undefined);
    expect(noticed()).toMatchObject([{ trouble: "covers_little", present: true }]);
});

test("what the first count ends with is no news, and a new search says nothing", () => {
    seen();
    coverage = share(0.1);
    seen();
    coverage = share(0.9, "under_way");
    seen();
    expect(noticed()).toEqual([]);
    coverage = share(0.9);
    seen();
    expect(noticed()).toMatchObject([{ trouble: "covers_little", present: false }]);
});

test("the bot's own room with an admin is no room in this sense", () => {
    creation = { "org.backscroll.notices_for": "@admin:home" };
    seen();
    room = { ...room, visibility: "joined" };
    seen();
    expect(noticed()).toEqual([]);
});
