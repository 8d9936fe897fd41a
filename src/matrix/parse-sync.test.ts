import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type DroppedPart, MalformedSync, parseRoomEvent, parseSyncBatch } from "./index.ts";

const member = {
    type: "m.room.member",
    event_id: "$1",
    sender: "@alice:home",
    origin_server_ts: 5,
    state_key: "@bob:home",
    content: { membership: "invite" },
};
const inRoom = (room: unknown, roomId = "!room:home"): unknown => ({
    next_batch: "s2",
    rooms: { join: { [roomId]: room } },
});

test("a batch is taken over in our names, replaced state and state after the timeline included", () => {
    const raw = {
        next_batch: "s2",
        rooms: {
            join: {
                "!room:home": {
                    state: { events: [{ ...member, event_id: "$0" }] },
                    timeline: {
                        events: [{ ...member, unsigned: { replaces_state: "$0" } }],
                        limited: true,
                        prev_batch: "p1",
                    },
                    state_after: { events: [] },
                },
            },
            invite: {
                "!other:home": {
                    invite_state: {
                        events: [{ type: "m.room.member", sender: "@a:home", state_key: "@bot:home", content: {} }],
                    },
                },
            },
            leave: { "!left:home": {} },
        },
        to_device: { events: [{ type: "m.room.encrypted" }] },
        device_lists: { changed: ["@a:home"], left: [] },
        device_one_time_keys_count: { signed_curve25519: 50 },
        device_unused_fallback_key_types: ["signed_curve25519"],
    };
    const batch = parseSyncBatch(raw, "s1");
    const event = {
        type: "m.room.member",
        sender: "@alice:home",
        originServerTs: 5,
        stateKey: "@bob:home",
        content: { membership: "invite" },
    };
    expect(batch.joined.get("!room:home")).toEqual({
        limited: true,
        prevBatch: "p1",
        state: [{ ...event, eventId: "$0" }],
        timeline: [{ ...event, eventId: "$1", replacesState: "$0" }],
        stateAfter: [],
    });
    expect(batch.invited.get("!other:home")).toHaveLength(1);
    expect(batch.left.get("!left:home")).toEqual({ limited: false, prevBatch: undefined, state: [], timeline: [] });
    expect({ ...batch.crypto, since: batch.since, nextBatch: batch.nextBatch }).toEqual({
        since: "s1",
        nextBatch: "s2",
        toDevice: [{ type: "m.room.encrypted" }],
        deviceLists: { changed: ["@a:home"], left: [] },
        oneTimeKeyCounts: { signed_curve25519: 50 },
        unusedFallbackKeyTypes: ["signed_curve25519"],
        rooms: ["!room:home", "!other:home"],
    });
});

test.each([
    ["no object", []],
    ["nothing", null],
    ["an HTML page", "<html>"],
    ["no token", {}],
    ["a token that is a number", { next_batch: 5 }],
    ["an empty token", { next_batch: "" }],
    ["a token without end", { next_batch: "s".repeat(100_000) }],
])("%s is not an answer of /sync", (_, raw) => {
    expect(() => parseSyncBatch(raw, undefined)).toThrow(MalformedSync);
});

const withEvent = (event: unknown): unknown => inRoom({ timeline: { events: [event, member] } });

test.each([
    ["is no object", withEvent("event")],
    ["has no type", withEvent({ ...member, type: undefined })],
    ["has a sender of another type", withEvent({ ...member, sender: { toString: "x" } })],
    ["has an event ID of 256 bytes", withEvent({ ...member, event_id: "$".repeat(256) })],
    ["has a state key of 256 bytes in fewer characters", withEvent({ ...member, state_key: "é".repeat(128) })],
])("an event that %s is dropped alone", (_, raw) => {
    const drops: DroppedPart[] = [];
    const batch = parseSyncBatch(raw, "s1", (drop) => drops.push(drop));
    expect(batch.joined.get("!room:home")?.timeline.map(({ eventId }) => eventId)).toEqual(["$1"]);
    expect(drops).toEqual([{ place: "rooms.join.timeline", roomId: "!room:home" }]);
});

const visible = {
    ...member,
    type: "m.room.history_visibility",
    state_key: "",
    content: { history_visibility: "shared" },
};
const malformed = { ...visible, event_id: undefined };
const about = (type: string, stateKey: string) => ({ type: `m.room.${type}`, stateKey });

test.each([
    ["malformed state in the timeline", { timeline: { events: [malformed] } }, [about("history_visibility", "")]],
    ["malformed state before it", { state: { events: [malformed] } }, [about("history_visibility", "")]],
    [
        "malformed state after it",
        { timeline: { events: [visible] }, state_after: { events: [malformed] } },
        [about("history_visibility", "")],
    ],
    ["a later event that can be read", { timeline: { events: [malformed, visible] } }, undefined],
    [
        "a state key that is no text",
        { timeline: { events: [{ ...visible, state_key: 5 }] } },
        [about("history_visibility", "")],
    ],
    [
        "state without a state key",
        { state: { events: [{ ...visible, state_key: undefined }] } },
        [about("history_visibility", "")],
    ],
    ["a message of that type", { timeline: { events: [{ ...visible, state_key: undefined }] } }, undefined],
    [
        "a user ID that nobody can have",
        { timeline: { events: [{ ...member, state_key: `@${"x".repeat(255)}` }] } },
        undefined,
    ],
    ["a malformed member event", { timeline: { events: [{ ...member, sender: 5 }] } }, [about("member", "@bob:home")]],
    ["a type that cannot be read", { timeline: { events: [{ ...malformed, type: 5 }] } }, undefined],
])("%s: of what nothing is known", (_, room, unreadable) => {
    expect(parseSyncBatch(inRoom(room), "s1").joined.get("!room:home")?.unreadable).toEqual(unreadable);
});

test("a room whose ID is a prototype's name or too long is dropped, and nobody's prototype changes", () => {
    const drops: DroppedPart[] = [];
    const raw: unknown = JSON.parse(
        `{"next_batch": "s2", "rooms": {"join": {"__proto__": {"timeline": {}}, "constructor": {}, "!${"r".repeat(255)}": {}, "!ok": {}}}}`,
    );
    expect([...parseSyncBatch(raw, "s1", (drop) => drops.push(drop)).joined.keys()]).toEqual(["!ok"]);
    expect(drops).toHaveLength(3);
    expect(Object.keys(Object.prototype)).toEqual([]);
});

test("key counts named like a prototype's property are counts and nothing else", () => {
    const raw: unknown = JSON.parse(
        `{"next_batch": "s2", "device_one_time_keys_count": {"__proto__": 5, "toString": 3, "bad": "x", "worse": -1}}`,
    );
    const { oneTimeKeyCounts } = parseSyncBatch(raw, "s1").crypto;
    expect(Object.entries(oneTimeKeyCounts)).toEqual([
        ["__proto__", 5],
        ["toString", 3],
    ]);
});

test.each([[true], ["yes"], [1], [null]])("limited: %o is taken for a gap", (limited) => {
    expect(parseSyncBatch(inRoom({ timeline: { limited } }), "s1").joined.get("!room:home")?.limited).toBe(true);
});

test("a to-device message nested without end is dropped: it could be copied to no worker", () => {
    const deep: unknown = JSON.parse(`${"[".repeat(25_000)}${"]".repeat(25_000)}`);
    const drops: DroppedPart[] = [];
    const raw = {
        next_batch: "s2",
        to_device: { events: [{ content: { deep } }, { type: "m.room.encrypted", content: { a: { b: {} } } }] },
    };
    const { toDevice } = parseSyncBatch(raw, "s1", (drop) => drops.push(drop)).crypto;
    expect([structuredClone(toDevice), drops]).toEqual([
        [raw.to_device.events[1]],
        [{ place: "to_device", roomId: undefined }],
    ]);
});

test("an unreadable timeline is taken for a gap", () => {
    expect(parseSyncBatch(inRoom({ timeline: "lost" }), "s1").joined.get("!room:home")?.limited).toBe(true);
});

test("a content that is no object reads as empty, as after a redaction", () => {
    expect(parseRoomEvent({ ...member, type: "m.room.encryption", content: "yes" })?.content).toEqual({});
});

/** Values as a hostile server may put them anywhere: any JSON, and the names that the parser looks for. */
const names = [
    "next_batch",
    "rooms",
    "join",
    "invite",
    "leave",
    "timeline",
    "state",
    "state_after",
    "events",
    "limited",
    "prev_batch",
    "invite_state",
    "to_device",
];
const moreNames = [
    "device_lists",
    "changed",
    "unsigned",
    "replaces_state",
    "prev_content",
    "prev_sender",
    "content",
    "type",
    "sender",
    "event_id",
    "state_key",
    "__proto__",
    "constructor",
    "!room:home",
];
const hostile = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: "medium" }, fc.jsonValue(), fc.array(tie("value"), { maxLength: 3 }), tie("object")),
    object: fc
        .array(fc.tuple(fc.constantFrom(...names, ...moreNames), tie("value")), { maxLength: 8 })
        .map((entries) => Object.fromEntries(entries)),
})).value;

test.each<[string, object, object]>([
    [
        "what it replaced, and who had said it",
        { replaces_state: "$0", prev_content: { membership: "invite" }, prev_sender: "@a:home" },
        { replacesState: "$0", replaced: { content: { membership: "invite" }, sender: "@a:home" } },
    ],
    [
        "only that it replaced something",
        { replaces_state: "$0", prev_content: { membership: "invite" } },
        { replacesState: "$0" },
    ],
    ["nothing that can be read", { replaces_state: 5, prev_content: "invite", prev_sender: "" }, {}],
])("a state event tells %s", (_, unsigned, told) => {
    const { replacesState, replaced } = parseRoomEvent({ ...member, unsigned }) ?? {};
    expect(JSON.parse(JSON.stringify({ replacesState, replaced }))).toEqual(told);
});

test("no input throws anything but MalformedSync", () => {
    const parses = (raw: unknown, withToken: boolean): boolean => {
        const answer: unknown =
            withToken && typeof raw === "object" && raw !== null ? { ...raw, next_batch: "s2" } : raw;
        try {
            return parseSyncBatch(answer, "s1").nextBatch !== "";
        } catch (error) {
            return error instanceof MalformedSync;
        }
    };
    expect(() => fc.assert(fc.property(hostile, fc.boolean(), parses), { numRuns: 2000 })).not.toThrow();
});

test.each<[string, object, boolean]>([
    ["an event in its timeline", { join: { "!r:home": { timeline: { events: [5] } } } }, true],
    ["an event of its invite", { invite: { "!r:home": { invite_state: { events: [5] } } } }, true],
    ["a room", { join: { "!r:home": 5 } }, false],
    ["a room's name", { join: { nonsense: {} } }, false],
    ["all invites", { invite: 5 }, false],
])("a first answer names every room unless what says which there are is malformed: %s", (_, rooms, names) => {
    expect(parseSyncBatch({ next_batch: "s1", rooms }, undefined).everyRoom ?? false).toBe(names);
});
