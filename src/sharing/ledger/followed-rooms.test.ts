import { runningClockSchema } from "../../due/index.ts";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../../database/index.ts";
import {
    createFollowedRooms,
    FollowedRooms,
    type RoomSight,
    type RoomTrouble,
    standsAfter,
    troublesOf,
} from "./followed-rooms.ts";
import { ShareJobs } from "./jobs.ts";
import { Notices } from "./notices.ts";
import { sharingSchema } from "./schema.ts";

const roomId = "!room:home";
const room: RoomSight["room"] = {
    roomId,
    membership: "join",
    encryption: "encrypted",
    visibility: "shared",
    joinedAt: 0,
    openSince: 0,
    successor: undefined,
};
const counted = { reach: "start", events: 10, covered: 7 } as const;
const good: RoomSight = { room, canInvite: true, coverage: counted, enough: 0.7 };
const none = { history_closed: false, cannot_invite: false, covers_little: false };

test.each<[string, Partial<RoomSight>, Partial<Record<RoomTrouble, boolean>>]>([
    ["a room that is well served", {}, none],
    ["world readable is open, too", { room: { ...room, visibility: "world_readable" } }, none],
    ["closed history", { room: { ...room, visibility: "invited" } }, { ...none, history_closed: true }],
    ["a setting that cannot be read", { room: { ...room, visibility: "unknown" } }, { ...none, history_closed: true }],
    ["no power", { canInvite: false }, { ...none, cannot_invite: true }],
    ["too few messages", { coverage: { ...counted, covered: 6 } }, { ...none, covers_little: true }],
    [
        "a search that was cut counts",
        { coverage: { ...counted, reach: "cut", covered: 6 } },
        { ...none, covers_little: true },
    ],
    ["nothing said yet", { coverage: { ...counted, events: 0, covered: 0 } }, none],
    [
        "a search under way says nothing",
        { coverage: { ...counted, reach: "under_way" } },
        { history_closed: false, cannot_invite: false },
    ],
    ["nor does a room that was not counted", { coverage: undefined }, { history_closed: false, cannot_invite: false }],
    ["of a room that is not known whole nothing is known", { room: { ...room, encryption: "unknown" } }, {}],
    ["of a room that was left neither", { room: { ...room, membership: "leave" } }, {}],
])("troubles: %s", (_, sight, troubles) => {
    expect(Object.fromEntries(troublesOf({ ...good, ...sight }))).toEqual(troubles);
});

let database: Database;
let followed: FollowedRooms;
let now: number;
/** The last notice that each admin was told of. */
let told: Map<string, number>;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [runningClockSchema, sharingSchema] });
    followed = new FollowedRooms(database.sql);
    [now, told] = [1_000_000, new Map()];
});

/** The room is seen with these troubles, for as long as a change has to stand. */
function stands(troubles: readonly RoomTrouble[], milliseconds = standsAfter): void {
    see(troubles);
    now += milliseconds;
    database.transaction(() => followed.note(now));
}

function see(troubles: readonly RoomTrouble[]): void {
    const all: readonly RoomTrouble[] = ["history_closed", "cannot_invite"];
    database.transaction(() =>
        followed.see(roomId, new Map(all.map((trouble) => [trouble, troubles.includes(trouble)])), now),
    );
}

/** What this admin is told now, as the notifier does it: "+" for what came, "-" for what went. */
function tell(admin = "@admin:home"): readonly string[] {
    const notices = new Notices(database.sql);
    const standing = notices.standingAfter(told.get(admin) ?? 0);
    told.set(admin, notices.newest());
    return standing.map((notice) => {
        switch (notice.about) {
            case "bot":
                return notice.identity;
            case "job":
                return `job ${notice.jobId}`;
            case "room":
                return `${notice.present ? "+" : "-"}${notice.trouble}`;
        }
    });
}

test("what a room has when it is first seen is no news; what comes and goes later is, once", () => {
    stands(["cannot_invite"]);
    expect(tell()).toEqual([]);
    stands(["cannot_invite", "history_closed"]);
    expect(tell()).toEqual(["+history_closed"]);
    stands(["cannot_invite", "history_closed"]);
    expect(tell()).toEqual([]);
    stands([]);
    expect(tell().toSorted()).toEqual(["-cannot_invite", "-history_closed"]);
    expect(tell()).toEqual([]);
});

test("what does not stand for a minute leaves no trace", () => {
    stands([]);
    stands(["history_closed"], standsAfter - 1);
    stands([]);
    expect([tell(), new Notices(database.sql).newest()]).toEqual([[], 0]);
});

test("a change is noted though its room is not seen again", () => {
    stands([]);
    see(["history_closed"]);
    now += standsAfter;
    followed = new FollowedRooms(database.sql);
    database.transaction(() => followed.note(now));
    expect(tell()).toEqual(["+history_closed"]);
});

test("what has healed before an admin was told is not told, and its healing neither", () => {
    stands([]);
    stands(["history_closed"]);
    expect(tell("@quick:home")).toEqual(["+history_closed"]);
    const jobs = new ShareJobs(database.sql, () => now);
    const job = jobs.create({
        roomId,
        userId: "@c:d",
        inviter: "@e:f",
        origin: "invite",
        inviteEventId: "$i",
        byAnotherBot: false,
    });
    if (job !== undefined) jobs.move(job, "held", "looks_like_member");
    stands([]);
    expect([tell(), tell("@quick:home").toSorted()]).toEqual([["job 1"], ["-history_closed", "job 1"]]);
    expect([tell(), tell("@quick:home")]).toEqual([[], []]);
    stands(["history_closed"]);
    expect([tell(), tell("@quick:home")]).toEqual([["+history_closed"], ["+history_closed"]]);
});

test("a room that comes back is seen for the first time", () => {
    stands([]);
    stands(["history_closed"]);
    database.transaction(() => followed.forget(roomId));
    expect(tell()).toEqual([]);
    stands(["history_closed"]);
    expect(tell()).toEqual([]);
    stands([]);
    expect(tell()).toEqual(["-history_closed"]);
});

test("a clock that was set back holds nothing up", () => {
    stands([]);
    see(["history_closed"]);
    now -= 500_000;
    database.transaction(() => followed.note(now));
    expect(tell()).toEqual(["+history_closed"]);
});

test("numbers of notices that were deleted before the table was made anew are not used again", () => {
    const sql = new DatabaseSync(":memory:");
    for (const migration of runningClockSchema.migrations) migration(sql);
    for (const migration of sharingSchema.migrations.slice(0, sharingSchema.migrations.indexOf(createFollowedRooms)))
        migration(sql);
    const jobs = `(room_id, user_id, inviter, origin, invite_event_id, by_another_bot, state, reason, created_at, updated_at)`;
    sql.exec(
        `INSERT INTO share_jobs ${jobs} VALUES ('!a:b', '@c:d', '@e:f', 'invite', '$i', 0, 'held', 'paused', 1, 1)`,
    );
    sql.exec("INSERT INTO share_notices (id, job_id, state, reason) VALUES (5, 1, 'held', 'x'), (9, 1, 'held', 'x')");
    sql.exec("DELETE FROM share_notices WHERE id = 9");
    createFollowedRooms(sql);
    sql.exec("INSERT INTO share_notices (job_id, state, reason) VALUES (1, 'held', 'x')");
    expect(sql.prepare("SELECT id FROM share_notices ORDER BY id").all()).toMatchObject([{ id: 5 }, { id: 10 }]);
});

test("the bot's own identity is told of when it is lost, once, and not any more when it is in order again", () => {
    const identity = (lost: "replaced" | "gone" | undefined) =>
        database.transaction(() => new Notices(database.sql).identity(lost));
    identity("replaced");
    expect(tell()).toEqual(["replaced"]);
    expect(tell()).toEqual([]);
    identity("gone");
    identity("replaced");
    expect(tell()).toEqual(["replaced"]);
    identity("replaced");
    identity(undefined);
    expect(tell()).toEqual([]);
    stands(["cannot_invite"]);
    identity("gone");
    expect(tell()).toEqual(["gone"]);
});
