import * as fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { parseSyncBatch, type SyncBatch } from "../matrix/index.ts";
import { type Room, type RoomChanges, RoomReader, RoomRecorder, roomsSchema } from "./index.ts";

const bot = "@bot:home";
const alice = "@alice:home";
const charlie = "@charlie:home";
const roomId = "!room:home";

let database: Database;
let rooms: RoomReader;
let recorder: RoomRecorder;
let events = 0;
let now: number;
beforeEach(() => {
    now = 1000;
    database = openDatabase({ path: ":memory:", schemas: [roomsSchema] });
    rooms = new RoomReader(database);
    recorder = new RoomRecorder({ database, userId: bot, lastBatchAt: () => 900, now: () => now });
});

type Raw = Record<string, unknown>;
const state = (type: string, content: unknown, key = "", sender = alice): Raw => ({
    type: `m.room.${type}`,
    state_key: key,
    content,
    sender,
    event_id: `$${++events}`,
    origin_server_ts: events,
});
const member = (userId: string, membership: string, sender = userId): Raw =>
    state("member", { membership }, userId, sender);
/** The whole state of a room that Alice made. */
const whole = (...more: Raw[]): Raw[] => [
    state("create", { room_version: "10", creator: alice }),
    member(alice, "join"),
    member(bot, "join"),
    ...more,
];

interface RoomPart {
    readonly state?: Raw[];
    readonly timeline?: Raw[];
    readonly limited?: boolean;
    readonly after?: Raw[];
}
const part = ({ state, timeline, limited, after }: RoomPart): Raw => ({
    state: { events: state ?? [] },
    timeline: { events: timeline ?? [], limited: limited ?? false },
    ...(after === undefined ? {} : { state_after: { events: after } }),
});
function record(rooms: Raw, since: string | undefined = "s1"): RoomChanges {
    const batch: SyncBatch = parseSyncBatch({ next_batch: "s2", rooms }, since);
    return database.transaction(() => recorder.record(batch));
}
const join = (room: RoomPart, id = roomId): RoomChanges => record({ join: { [id]: part(room) } });
const leave = (room: RoomPart): RoomChanges => record({ leave: { [roomId]: part(room) } });
const inviteBot = (inviter: string, id = roomId): RoomChanges =>
    record({ invite: { [id]: { invite_state: { events: [member(bot, "invite", inviter)] } } } });
const shown = (): Room | undefined => rooms.room(roomId);
/** Clears the mark and answers whether there was one. */
function rotates(): boolean {
    const mark = rooms.rotationMark(roomId);
    if (mark !== undefined) rooms.clearRotation(roomId, mark);
    return mark !== undefined;
}

test("what is absent from a state that was seen whole is absent: plain, shared", () => {
    join({ state: whole() });
    expect(shown()).toEqual({
        roomId,
        membership: "join",
        encryption: "plain",
        visibility: "shared",
        joinedAt: 1000,
        openSince: 1000,
        successor: undefined,
    });
});

test("what is absent from a state that was not seen whole is unknown, and nobody may invite", () => {
    join({ state: [member(bot, "join")] });
    expect(shown()).toMatchObject({ encryption: "unknown", visibility: "unknown" });
    expect(rooms.canInvite(roomId, bot)).toBe(false);
});

test.each([
    ["with an algorithm", { algorithm: "m.megolm.v1.aes-sha2" }],
    ["redacted", {}],
    ["malformed", "yes"],
])("an encryption event makes a room encrypted for good: %s", (_, content) => {
    join({ state: whole(state("encryption", content)) });
    expect(shown()?.encryption).toBe("encrypted");
    leave({ timeline: [member(bot, "leave", alice)] });
    join({ state: whole() });
    expect(shown()?.encryption).toBe("encrypted");
});

test.each([
    ["joined", { history_visibility: "joined" }, "joined"],
    ["redacted without the key", {}, "unknown"],
    ["of another type", { history_visibility: 5 }, "unknown"],
    ["huge", { history_visibility: "shared", more: "x".repeat(100_000) }, "unknown"],
])("visibility %s", (_, content, visibility) => {
    join({ state: whole(state("history_visibility", content)) });
    expect(shown()?.visibility).toBe(visibility);
});

/** As a homeserver says it that has a fault, or means harm. */
const malformed = (event: Raw): Raw => ({ ...event, event_id: 5 });

test("a malformed history visibility makes it unknown until the next one, and the bot's session is not used on", () => {
    join({ state: whole(visible("shared")) });
    rotates();
    join({ timeline: [malformed(visible("joined"))] });
    expect(shown()).toMatchObject({ visibility: "unknown", openSince: undefined });
    expect(rotates()).toBe(true);
    join({ timeline: [visible("shared")] });
    expect(shown()?.visibility).toBe("shared");
});

test("where nothing was said of the visibility, a malformed event does not leave it open", () => {
    join({ state: whole() });
    join({ timeline: [malformed(visible("joined"))] });
    expect(shown()?.visibility).toBe("unknown");
});

test("a malformed encryption event encrypts a room for good, and malformed power levels give nobody power", () => {
    join({ state: whole(state("power_levels", { users: { [alice]: 100 } })) });
    expect(rooms.canInvite(roomId, alice)).toBe(true);
    join({ timeline: [malformed(state("encryption", {})), malformed(state("power_levels", {}))] });
    expect(shown()?.encryption).toBe("encrypted");
    expect(rooms.canInvite(roomId, alice)).toBe(false);
});

test("of whoever a malformed member event is about nobody knows whether they are in, and they may have been", () => {
    join({ state: whole(member(charlie, "join")) });
    rotates();
    const revision = rooms.joinedRevision(roomId);
    expect(join({ timeline: [malformed(member(charlie, "ban", alice))] }).memberships).toEqual([]);
    expect(rooms.member(roomId, charlie)?.membership).toBe("unknown");
    expect(rooms.membersWith(roomId, "join").map(({ userId }) => userId)).toEqual([alice, bot]);
    expect([rooms.wasMember(roomId, charlie), rooms.standing(roomId, charlie)]).toEqual(["yes", "unknown"]);
    expect([rooms.joinedRevision(roomId) > revision, rotates()]).toEqual([true, true]);
    join({ timeline: [malformed(member(alice, "leave"))] });
    expect(rooms.canInvite(roomId, alice)).toBe(false);
    expect(join({ timeline: [member(charlie, "invite", alice)] }).memberships).toMatchObject([
        { userId: charlie, membership: "invite" },
    ]);
    expect(rooms.member(roomId, charlie)?.membership).toBe("invite");
});

const visible = (value: string): Raw => state("history_visibility", { history_visibility: value });
/** Records the room's part of a batch at this time, and answers since when the room is open. */
function openSince(at: number, room: RoomPart): number | undefined {
    now = at;
    join(room);
    return shown()?.openSince;
}

test("a room is open since the bot joined, or since it was opened, until it is closed", () => {
    expect(openSince(1000, { state: whole() })).toBe(1000);
    expect(openSince(2000, { timeline: [member(charlie, "join")] })).toBe(1000);
    expect(openSince(3000, { timeline: [visible("world_readable")] })).toBe(1000);
    expect(openSince(4000, { timeline: [visible("joined")] })).toBeUndefined();
    expect(openSince(5000, { timeline: [member(charlie, "leave")] })).toBeUndefined();
    expect(openSince(6000, { timeline: [visible("shared")] })).toBe(6000);
    expect(openSince(7000, { timeline: [visible("invited"), visible("shared")] })).toBe(7000);
});

test("what the sync left out may have closed a room: only the same event shows that it did not", () => {
    const open = visible("shared");
    openSince(1000, { state: whole(open) });
    expect(openSince(2000, { limited: true, timeline: [member(charlie, "join")] })).toBe(1000);
    expect(openSince(3000, { state: whole(open) })).toBe(1000);
    expect(openSince(4000, { state: [visible("shared")], limited: true })).toBe(4000);
    expect(openSince(5000, { state: whole(visible("shared")) })).toBe(5000);
});

test("nobody knows whether a room is open that the bot has left, or of which it has not seen the state", () => {
    openSince(1000, { state: whole() });
    leave({ timeline: [member(bot, "leave", alice)] });
    expect(shown()?.openSince).toBeUndefined();
    expect(openSince(2000, { state: whole() })).toBe(2000);
    inviteBot(alice);
    expect(shown()?.openSince).toBeUndefined();
    join({ state: [member(bot, "join")] }, "!unseen:home");
    expect(rooms.room("!unseen:home")?.openSince).toBeUndefined();
});

test("a room that was recorded before anybody noted this is open since its next batch", () => {
    openSince(1000, { state: whole() });
    database.sql.exec("UPDATE rooms SET open_since = NULL");
    expect(openSince(2000, { timeline: [member(charlie, "join")] })).toBe(2000);
});

test("state counts in order: block, timeline, state after the timeline", () => {
    const visibility = (value: string): Raw => state("history_visibility", { history_visibility: value });
    join({ state: whole(visibility("joined")), timeline: [visibility("invited"), visibility("shared")] });
    expect(shown()?.visibility).toBe("shared");
    join({ timeline: [visibility("joined")], after: [visibility("world_readable")] });
    expect(shown()?.visibility).toBe("world_readable");
});

const visibilities = ["invited", "joined", "shared", "world_readable", "nonsense"];
const side = (value: string): string =>
    value === "nonsense" ? "unknown" : ["shared", "world_readable"].includes(value) ? "open" : "closed";
test.each(visibilities.flatMap((before) => visibilities.map((after) => [before, after] as const)))(
    "rotation when visibility goes from %s to %s",
    (before, after) => {
        join({ state: whole(state("history_visibility", { history_visibility: before })) });
        rotates();
        join({ timeline: [state("history_visibility", { history_visibility: after })] });
        expect(rotates()).toBe(side(before) !== side(after));
    },
);

test("rotation when visibility closes and opens again within one batch", () => {
    join({ state: whole() });
    rotates();
    join({
        timeline: [
            state("history_visibility", { history_visibility: "joined" }),
            state("history_visibility", { history_visibility: "shared" }),
        ],
    });
    expect(rotates()).toBe(true);
});

test.each([
    ["somebody leaves", member(charlie, "leave"), false, true],
    ["somebody is kicked", member(charlie, "leave", alice), false, true],
    ["somebody is banned", member(charlie, "ban", alice), false, true],
    ["somebody is invited", member(charlie, "invite", alice), false, false],
    ["somebody joins", member(charlie, "join"), false, false],
    ["somebody knocks", member(charlie, "knock"), false, false],
    ["an invite in a batch with a gap", member(charlie, "invite", alice), true, true],
    ["a knock in a batch with a gap", member(charlie, "knock"), true, true],
    ["a leave in a batch with a gap", member(charlie, "leave"), true, true],
    ["a join in a batch with a gap", member(charlie, "join"), true, false],
    ["a message", { ...state("encrypted", {}), state_key: undefined }, false, false],
])("rotation when %s", (_, event, limited, expected) => {
    for (const place of ["timeline", "state"] as const) {
        const fresh = { ...event, event_id: `$${++events}` };
        join({ state: whole() });
        rotates();
        join({ [place]: [fresh], limited });
        expect(rotates()).toBe(expected);
        join({ [place]: [fresh], limited });
        expect(rotates(), "the same event again").toBe(false);
    }
});

test("rotation when we come back: others may have left meanwhile", () => {
    join({ state: whole() });
    leave({ timeline: [member(bot, "leave", alice)] });
    expect(rotates()).toBe(true);
    join({ state: whole() });
    expect(rotates()).toBe(true);
});

test("a mark that is set while an older one is being cleared stays", () => {
    join({ state: whole() });
    const seen = rooms.rotationMark(roomId) ?? 0;
    join({ timeline: [member(charlie, "leave")] });
    rooms.clearRotation(roomId, seen);
    const newer = rooms.rotationMark(roomId);
    expect(newer).toBeGreaterThan(seen);
    rooms.clearRotation(roomId, newer ?? 0);
    rooms.clearRotation(roomId, seen);
    expect(rooms.rotationMark(roomId)).toBeUndefined();
});

test("memberships come in order, invites among them; a new display name is none, and neither is what we knew", () => {
    join({ state: whole(member(charlie, "leave")) });
    const again = member(charlie, "invite", alice);
    const batch = [
        again,
        member(charlie, "join"),
        member(charlie, "join"),
        member(charlie, "leave"),
        member(charlie, "invite", "@dora:home"),
    ];
    const changes = join({ timeline: batch });
    expect(
        changes.memberships.map(({ membership, sender, previous }) => [membership, sender, previous?.membership]),
    ).toEqual([
        ["invite", alice, "leave"],
        ["join", charlie, "invite"],
        ["leave", charlie, "join"],
        ["invite", "@dora:home", "leave"],
    ]);
    expect(changes.invites.map(({ sender }) => sender)).toEqual([alice, "@dora:home"]);
    expect(join({ state: [batch[4] ?? {}] }).memberships).toEqual([]);
    expect(rooms.member(roomId, charlie)).toMatchObject({
        membership: "invite",
        sender: "@dora:home",
        isDirect: false,
    });
});

test("an invite brings its time, its mark and what it replaced", () => {
    join({ state: whole() });
    const invite: Raw = {
        ...state("member", { membership: "invite", is_direct: true, mark: 1 }, charlie),
        unsigned: { replaces_state: "$0" },
    };
    const [change] = join({ timeline: [invite] }).invites;
    expect(change).toMatchObject({
        roomId,
        userId: charlie,
        sender: alice,
        eventId: invite["event_id"],
        at: invite["origin_server_ts"],
        isDirect: true,
    });
    expect(change?.event).toMatchObject({ replacesState: "$0", content: { mark: 1 } });
});

test("on joining, the invites that are pending there are told, oldest first, and nothing else", () => {
    const later = member("@later:home", "invite", alice);
    const earlier = { ...member("@earlier:home", "invite", alice), origin_server_ts: 0 };
    const timeline = [member(charlie, "invite", alice), member(charlie, "join")];
    const changes = join({ state: whole(later, earlier, member("@gone:home", "leave")), timeline });
    expect(changes.memberships.map(({ userId, foundAtJoin }) => [userId, foundAtJoin])).toEqual([
        ["@earlier:home", true],
        ["@later:home", true],
    ]);
    expect(changes.selfJoined).toEqual([{ roomId, firstSync: false, inviter: undefined, invitedAfter: undefined }]);
});

test("on joining, the last inviter that was known is told; who follows a tombstone was invited by nobody", () => {
    inviteBot(charlie);
    inviteBot(alice);
    expect(join({ state: whole() }).selfJoined).toEqual([
        { roomId, firstSync: false, inviter: alice, invitedAfter: 900 },
    ]);
    leave({ timeline: [member(bot, "leave")] });
    expect(join({ state: whole() }).selfJoined).toEqual([
        { roomId, firstSync: false, inviter: undefined, invitedAfter: undefined },
    ]);
    join({ timeline: [state("tombstone", { replacement_room: "!next" })] });
    const created = [
        state("create", { room_version: "10", creator: alice, predecessor: { room_id: roomId } }),
        member(bot, "join"),
    ];
    expect(join({ state: created }, "!next").selfJoined).toEqual([
        { roomId: "!next", firstSync: false, inviter: undefined, invitedAfter: undefined },
    ]);
});

test("coming back, what an earlier stay left is dropped, and what changed for those we knew is told", () => {
    join({
        state: whole(
            member(charlie, "invite", alice),
            member("@ghost:home", "join"),
            state("power_levels", { invite: 100 }),
        ),
    });
    leave({ timeline: [member(bot, "leave", alice)] });
    const changes = join({ state: whole(member(charlie, "join")) });
    expect(changes.memberships.filter(({ userId }) => userId === charlie)).toEqual([
        expect.objectContaining({ membership: "join" }),
    ]);
    expect(rooms.member(roomId, "@ghost:home")).toBeUndefined();
    expect(rooms.canInvite(roomId, bot)).toBe(true);
});

test("a state seen whole again without a join between is taken for a fresh start", () => {
    join({ state: whole(member("@ghost:home", "join")) });
    const changes = join({ state: whole(), limited: true });
    expect(rooms.member(roomId, "@ghost:home")).toBeUndefined();
    expect(changes.selfJoined).toEqual([]);
});

test("kicked and back within one batch: nothing is told of those who stand where they stood", () => {
    const standing = [member(charlie, "invite", alice), member("@dora:home", "join")];
    join({ state: whole(...standing) });
    const before = member(charlie, "leave");
    const left = member("@dora:home", "leave");
    const changes = join({
        state: whole(before, standing[1] ?? {}),
        timeline: [standing[0] ?? {}, left],
        limited: true,
    });
    expect(changes.memberships.map(({ eventId, previous }) => [eventId, previous?.membership])).toEqual([
        [left["event_id"], "join"],
    ]);
});

test.each([
    ["kicked", member(bot, "leave", alice), "leave", alice],
    ["banned", member(bot, "ban", alice), "ban", alice],
    ["left", member(bot, "leave"), "leave", bot],
])("we are %s", (_, event, membership, sender) => {
    join({ state: whole() });
    const changes = leave({ timeline: [event] });
    expect(changes.selfLeft).toEqual([{ roomId, membership, sender }]);
    expect(shown()?.membership).toBe(membership);
    expect(rooms.joined()).toEqual([]);
    expect(rooms.canInvite(roomId, bot)).toBe(false);
});

test("a leave without our member event still is one; thrown out and invited again is both", () => {
    join({ state: whole() });
    expect(leave({}).selfLeft).toEqual([{ roomId, membership: "leave", sender: undefined }]);
    join({ state: whole() });
    const changes = inviteBot(alice);
    expect([changes.selfLeft.length, changes.selfInvited]).toEqual([1, [{ roomId, inviter: alice, isDirect: false }]]);
    expect(shown()?.membership).toBe("invite");
});

test("an invite to the bot waits for an answer until we are in or out", () => {
    inviteBot(alice);
    expect(rooms.pendingInvites()).toEqual([{ roomId, inviter: alice, since: 1000 }]);
    leave({});
    expect(rooms.pendingInvites()).toEqual([]);
    inviteBot(alice);
    join({ state: whole() });
    expect(rooms.pendingInvites()).toEqual([]);
});

test("a tombstone names the successor", () => {
    join({ state: whole() });
    const changes = join({ timeline: [state("tombstone", { replacement_room: "!next:home" })] });
    expect(changes.successors).toEqual([{ roomId, successor: "!next:home", sender: alice }]);
    expect(shown()?.successor).toBe("!next:home");
    expect(join({ timeline: [state("tombstone", { replacement_room: roomId })] }).successors).toEqual([]);
});

test("content nested deeper than the stack is high harms nobody, and hides nothing", () => {
    const deep = JSON.parse(`${"[".repeat(30_000)}${"]".repeat(30_000)}`) as unknown;
    join({
        state: whole(state("history_visibility", { history_visibility: "shared", deep }), member(charlie, "join")),
    });
    join({ timeline: [state("member", { membership: "leave", deep }, charlie)] });
    expect([shown()?.visibility, rooms.member(roomId, charlie)?.membership]).toEqual(["shared", "leave"]);
});

test("users and rooms named like a prototype's property are rows like others", () => {
    join({ state: whole(member("__proto__", "invite", alice), member("constructor", "join")) }, "!constructor");
    expect(rooms.member("!constructor", "__proto__")?.membership).toBe("invite");
    expect(rooms.member("!constructor", "toString")).toBeUndefined();
});

test("no state event of any content makes recording fail", () => {
    const types = ["create", "encryption", "history_visibility", "power_levels", "member", "tombstone"];
    const keys = [
        "membership",
        "history_visibility",
        "users",
        "invite",
        "room_version",
        "creator",
        "replacement_room",
        "predecessor",
        "is_direct",
        "__proto__",
    ];
    const content = fc
        .array(
            fc.tuple(
                fc.constantFrom(...keys),
                fc.oneof(fc.jsonValue(), fc.constantFrom("join", "leave", "invite", "ban")),
            ),
        )
        .map((entries) => Object.fromEntries(entries) as Raw);
    const event = fc
        .tuple(fc.constantFrom(...types), content, fc.constantFrom("", bot, alice, charlie, "__proto__"))
        .map(([type, given, key]) => state(type, given, key));
    const block = fc.array(event, { maxLength: 6 });
    const recordsAndReads = (first: Raw[], second: Raw[], limited: boolean): void => {
        join({ state: first, timeline: second, limited });
        leave({ state: second });
        for (const room of [shown(), ...rooms.joined()]) rooms.canKick(room?.roomId ?? "", alice, charlie);
        rooms.canInvite(roomId, bot);
    };
    expect(() => fc.assert(fc.property(block, block, fc.boolean(), recordsAndReads), { numRuns: 300 })).not.toThrow();
});

test("who was a member: whoever was seen in the room; nobody knows of whom the state shows as they are now only", () => {
    const [asked, left, stranger] = ["@asked:home", "@left:home", "@stranger:home"];
    join({ state: [member(alice, "join")] });
    expect(rooms.wasMember(roomId, stranger)).toBe("unknown");
    leave({});
    join({ state: whole(member(asked, "invite", alice), member(left, "leave"), member(charlie, "ban", alice)) });
    const was = [alice, bot, asked, left, charlie, stranger].map((userId) => rooms.wasMember(roomId, userId));
    expect(was).toEqual(["yes", "yes", "unknown", "unknown", "unknown", "no"]);
});

/** The homeserver says what it took the place of. */
const instead = (event: Raw, of: Raw): Raw => ({
    ...event,
    unsigned: { replaces_state: of["event_id"], prev_content: of["content"], prev_sender: of["sender"] },
});

test("who was asked in before our eyes and declined never was a member; who left was; and whoever came and went in a gap may have been", () => {
    join({ state: whole() });
    const invite = member(charlie, "invite", alice);
    join({ timeline: [invite, instead(member(charlie, "leave"), invite)] });
    expect(rooms.wasMember(roomId, charlie)).toBe("no");

    const unseen = member(charlie, "leave");
    join({ limited: true, state: [instead(member(charlie, "invite", alice), unseen)] });
    expect(rooms.wasMember(roomId, charlie)).toBe("unknown");
    join({ timeline: [member(charlie, "join")] });
    join({ timeline: [member(charlie, "leave")] });
    expect(rooms.wasMember(roomId, charlie)).toBe("yes");
});

test("a member keeps their past while the bot is away", () => {
    join({ state: whole(member(charlie, "join")) });
    leave({});
    join({ state: whole(member(charlie, "leave")) });
    expect(rooms.wasMember(roomId, charlie)).toBe("yes");
});

test.each<[string, readonly Raw[], ReturnType<RoomReader["standing"]>]>([
    ["a member", [], "joined"],
    ["who has left", [member(charlie, "leave")], "left"],
    ["who was kicked", [member(charlie, "leave", alice)], "removed"],
    ["who was banned", [member(charlie, "ban", alice)], "removed"],
    ["whose ban was taken back", [member(charlie, "ban", alice), member(charlie, "leave", alice)], "removed"],
    ["who was kicked and knocks", [member(charlie, "leave", alice), member(charlie, "knock")], "removed"],
    [
        "who was kicked and declined to come back",
        [member(charlie, "leave", alice), member(charlie, "invite", alice), member(charlie, "leave")],
        "removed",
    ],
    ["who was kicked and is back", [member(charlie, "leave", alice), member(charlie, "join")], "joined"],
])("how somebody stands: %s", (_, timeline, standing) => {
    join({ state: whole(member(charlie, "join")) });
    join({ timeline: [...timeline] });
    expect(rooms.standing(roomId, charlie)).toBe(standing);
});

test("how somebody stands of whom nothing is known", () => {
    join({ state: whole() });
    expect(rooms.standing(roomId, charlie)).toBe("unknown");
});

test("an answer that names every room tells of those that we left, or are not invited to any more, while nobody told us", () => {
    join({ state: whole() });
    join({ state: whole() }, "!left:home");
    inviteBot(alice, "!withdrawn:home");
    const rooms = { join: { [roomId]: part({ state: whole() }) } };
    const changes = database.transaction(() => recorder.record(parseSyncBatch({ next_batch: "s3", rooms }, undefined)));
    expect(changes.selfLeft).toEqual([{ roomId: "!left:home", membership: "leave", sender: undefined }]);
    expect(reader("!left:home")?.membership).toBe("leave");
    expect(reader("!withdrawn:home")?.membership).toBe("leave");
    expect(shown()?.membership).toBe("join");
});

test("an answer of which a room was malformed does not make us leave any", () => {
    join({ state: whole() });
    const changes = database.transaction(() =>
        recorder.record(parseSyncBatch({ next_batch: "s3", rooms: { join: { [roomId]: "?" } } }, undefined)),
    );
    expect(changes.selfLeft).toEqual([]);
    expect(shown()?.membership).toBe("join");
});

const reader = (id: string): Room | undefined => rooms.room(id);

test("a room is direct while two at most are joined or invited, whoever has left it", () => {
    join({ state: whole(member(charlie, "leave")) });
    expect(rooms.isDirect(roomId)).toBe(true);
    join({ timeline: [member(charlie, "invite", alice)] });
    expect(rooms.isDirect(roomId)).toBe(false);
    join({ timeline: [member(charlie, "join")] });
    expect(rooms.isDirect(roomId)).toBe(false);
    join({ timeline: [member(alice, "leave")] });
    expect(rooms.isDirect(roomId)).toBe(true);
});

test("who is joined has another number after each change of them, and after no other", () => {
    join({ state: whole() });
    let last = rooms.joinedRevision(roomId);
    const changed = (room: RoomPart): boolean => {
        join(room);
        const before = last;
        last = rooms.joinedRevision(roomId);
        return last !== before;
    };
    expect(changed({ timeline: [member(charlie, "invite", alice)] })).toBe(false);
    expect(changed({ timeline: [member(charlie, "leave")] })).toBe(false);
    expect(changed({ timeline: [member(charlie, "join")] })).toBe(true);
    expect(
        changed({ timeline: [state("member", { membership: "join", displayname: "Alice" }, charlie, charlie)] }),
    ).toBe(true);
    expect(changed({ timeline: [member(charlie, "leave")] })).toBe(true);
    expect(changed({ state: whole() })).toBe(true);
});
