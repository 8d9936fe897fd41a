import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../../database/index.ts";
import { parseSyncBatch } from "../../matrix/index.ts";
import { LeftRooms, RoomRecorder } from "../../rooms/index.ts";
import type { SharingPolicy } from "../../sharing/index.ts";
import { TimelineRecorder } from "../../timeline/index.ts";
import { schemas } from "../folder/schemas.ts";
import { BOT, ledgerOn } from "../testing/fixtures/story.ts";
import { recordBatch } from "./record-batch.ts";
import type { SharingLedger } from "./sharing-ledger.ts";

const room = "!room:home";
const alice = "@alice:home";
const bob = "@bob:home";

let database: Database;
let ledger: SharingLedger;
let record: (...timeline: object[]) => void;
let events: number;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas });
    ledger = ledgerOn(database, tmpdir());
    events = 0;
    const nothing = { machineFlagAt: undefined, specFlagAt: undefined, silentAt: undefined };
    const sharing = [alice, bob].map((userId) => ({ ...nothing, userId, bundleAt: Date.now() }));
    database.transaction(() => ledger.evidence.note(sharing, undefined, Date.now()));
    const recording = {
        botUserId: BOT.userId,
        rooms: new RoomRecorder({ database, userId: BOT.userId, now: Date.now, lastBatchAt: () => undefined }),
        timelines: new TimelineRecorder({ database, lastBatchAt: () => undefined, now: Date.now }),
        ledger,
        leftRooms: new LeftRooms(database),
        greetings: undefined,
        mayInvite: () => true,
    };
    record = (...timeline) => {
        const rooms = { join: { [room]: { timeline: { events: timeline, limited: false } } } };
        database.transaction(() => recordBatch(recording, parseSyncBatch({ next_batch: "s", rooms }, "s")));
    };
    record(create, member(BOT.userId, "join", BOT.userId, 50));
});
afterEach(() => database.close());

const create = {
    type: "m.room.create",
    content: { room_version: "11" },
    event_id: "$create",
    sender: alice,
    state_key: "",
    origin_server_ts: 1,
};

function member(userId: string, membership: string, sender: string, at: number): object {
    events += 1;
    const identity = { event_id: `$event${events}`, sender, state_key: userId, origin_server_ts: at };
    return { type: "m.room.member", content: { membership }, ...identity };
}

/** The room was counted: of ten messages from before 100 one is covered, and all of ten more since. */
function count(more: object = {}): void {
    const coverage = {
        reach: "start",
        complete: false,
        coveredShare: 0.55,
        events: 20,
        covered: 11,
        sessions: { missing: 1, unknown: 0, withheld: 0 },
        withheldFromBot: { sessions: 0, senders: [] },
        comparable: { withheld: 0, uncovered: [[100, 9]] },
        ...more,
    };
    database.sql
        .prepare("UPDATE timeline_rooms SET coverage = ? WHERE room_id = ?")
        .run(JSON.stringify(coverage), room);
}

const outcome = (inviter: string, usable?: boolean, more: Partial<SharingPolicy> = {}): string =>
    ledger.history.compare(room, inviter, { ...ledger.facts.policy(room), ...more }, { usable }).outcome;

test("what was said before the inviter joined on the bot's own invite is not theirs, unless the bot has it", () => {
    record(member(bob, "invite", alice, 200), member(bob, "invite", BOT.userId, 201), member(bob, "join", bob, 202));
    count();
    expect([outcome(bob), outcome(alice)]).toEqual(["better", "worse"]);
    expect(outcome(bob, true, { reinvite: "when_complete" })).toBe("worse");
    expect(ledger.history.compare(room, bob, ledger.facts.policy(room), {}).sentence).toBe(
        "the bot can hand on 11 of the room's 11 messages (100 %), " +
            "not counting 9 from before its own invite brought @bob:home in; " +
            "@bob:home's client shares history (their client has sent the bot a room key bundle within 90 days), so 95 % are enough",
    );
});

test("who has left and come back on somebody else's invite has what that one gave them", () => {
    record(member(bob, "invite", alice, 200), member(bob, "invite", BOT.userId, 201), member(bob, "join", bob, 202));
    record(member(bob, "leave", bob, 203), member(bob, "invite", alice, 204), member(bob, "join", bob, 205));
    count();
    expect(outcome(bob)).toBe("worse");
    // Nor are they a newcomer if the bot invites them the next time.
    record(member(bob, "leave", bob, 206), member(bob, "invite", BOT.userId, 207), member(bob, "join", bob, 208));
    expect(outcome(bob)).toBe("worse");
});

test("before a room was counted, only the look for a key says anything", () => {
    const asked = { inviterHasSignedDevice: false };
    const ask = (usable?: boolean): string =>
        ledger.history.compare(room, alice, ledger.facts.policy(room), { ...asked, usable }).outcome;
    expect([ask(), ask(true), ask(false)]).toEqual(["unknown", "better", "worse"]);
    count({ comparable: undefined });
    expect([ask(), ask(true), outcome(alice, true)]).toEqual(["unknown", "better", "unknown"]);
    count();
    expect([ask(), ask(false)]).toEqual(["better", "worse"]);
    count({ covered: 3, comparable: { withheld: 3, uncovered: [] } });
    expect([ask(), ask(true), outcome(alice, true)]).toEqual(["worse", "better", "unknown"]);
});
