import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { openDatabase } from "../../database/index.ts";
import { parseSyncBatch } from "../../matrix/index.ts";
import { LeftRooms, RoomRecorder } from "../../rooms/index.ts";
import { TimelineRecorder } from "../../timeline/index.ts";
import { schemas } from "../folder/schemas.ts";
import { BOT, ledgerOn } from "../testing/fixtures/story.ts";
import { recordBatch } from "./record-batch.ts";

const alice = "@alice:home";
const mallory = "@mallory:home";
let events = 0;

const state = (type: string, content: object, key = "", sender = alice): object => ({
    type: `m.room.${type}`,
    content,
    sender,
    state_key: key,
    event_id: `$event${++events}`,
    origin_server_ts: events,
});
const joined = (...more: object[]): object => ({
    state: {
        events: [
            state("create", { room_version: "10", creator: alice, ...more[0] }),
            state("member", { membership: "join" }, BOT.userId),
        ],
    },
    timeline: { events: more.slice(1), limited: false },
});
const invite = (sender: string): object => ({
    invite_state: { events: [state("member", { membership: "invite" }, BOT.userId, sender)] },
});

test("a bundle is expected of an inviter whom the configuration names, and of nobody who invites where a tombstone leads", () => {
    using database = { ...openDatabase({ path: ":memory:", schemas }), [Symbol.dispose]: () => database.close() };
    const ledger = ledgerOn(database, tmpdir());
    const now = Date.now;
    const recording = {
        botUserId: BOT.userId,
        rooms: new RoomRecorder({ database, userId: BOT.userId, lastBatchAt: () => 5, now }),
        timelines: new TimelineRecorder({ database, lastBatchAt: () => undefined, now }),
        ledger,
        leftRooms: new LeftRooms(database),
        greetings: undefined,
        mayInvite: (userId: string) => userId === alice,
    };
    const record = (rooms: object): boolean =>
        database.transaction(() => recordBatch(recording, parseSyncBatch({ next_batch: "s", rooms }, "s")));

    expect(record({ invite: { "!old:home": invite(alice) } })).toBe(true);
    record({ join: { "!old:home": joined({}, state("tombstone", { replacement_room: "!new:home" })) } });
    record({ invite: { "!new:home": invite(mallory) } });
    record({ join: { "!new:home": joined({ predecessor: { room_id: "!old:home", event_id: "$x" } }) } });
    expect(record({ join: { "!new:home": {} } })).toBe(false);
    expect(ledger.rooms.room("!new:home")).toMatchObject({ membership: "join" });
    expect(ledger.received.waiting()).toEqual([
        expect.objectContaining({ roomId: "!old:home", inviter: alice, invitedAfter: 5 }),
    ]);
});
