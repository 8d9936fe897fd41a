import fc from "fast-check";
import { expect, test } from "vitest";
import { openDatabase } from "../database/index.ts";
import type { RoomEvent } from "../matrix/index.ts";
import { timelineSchema } from "./schema.ts";
import { type SessionUse, SessionUses } from "./session-uses.ts";
import { message, sessionId } from "./testing/messages.ts";

const room = "!room:home";
const ever = { notBefore: 0, notAfter: 1_000_000 };

function recorded(batches: readonly (readonly RoomEvent[])[]): SessionUses {
    const database = openDatabase({ path: ":memory:", schemas: [timelineSchema] });
    const uses = new SessionUses(database);
    for (const batch of batches) database.transaction(() => uses.record(room, batch, ever));
    return uses;
}

const inOrder = (uses: readonly SessionUse[]): readonly SessionUse[] =>
    uses.toSorted((one, other) => (one.sessionId + one.sender < other.sessionId + other.sender ? -1 : 1));

test("a session is counted once for each of its messages, and begins with the earliest", () => {
    const uses = recorded([[message(1, 1, 20), message(1, 0, 10), message(2, 0, 30)], [message(1, 2, 40)]]);
    expect(inOrder([...uses.pages(room)].flat())).toEqual([
        { sessionId: sessionId(1), sender: "@alice:home", firstAt: 10, lastAt: 40, events: 3 },
        { sessionId: sessionId(2), sender: "@alice:home", firstAt: 30, lastAt: 30, events: 1 },
    ]);
    expect([...uses.pages("!other:home")].flat()).toEqual([]);
});

test("a session that we hold from a later message on is split there", () => {
    const uses = recorded([[message(1, 0, 10), message(1, 1, 20), message(1, 4, 30), message(1, 5, 40)]]);
    const alice = { sessionId: sessionId(1), sender: "@alice:home" };
    expect(uses.split(room, alice, 2)).toEqual({ before: 2, lastBefore: 20, firstAfter: 30 });
    expect(uses.split(room, alice, 6)).toEqual({ before: 4, lastBefore: 40, firstAfter: undefined });
    expect(uses.split(room, alice, 0)).toEqual({ before: 0, lastBefore: undefined, firstAfter: 10 });
});

test("a session is used from a message on if a later one is known, whoever names it", () => {
    const uses = recorded([[message(1, 4, 30), message(2, 0, 40, "@bob:home")]]);
    expect([0, 4, 5].map((index) => uses.isUsed(room, sessionId(1), index))).toEqual([true, true, false]);
    expect([uses.isUsed(room, sessionId(2), 0), uses.isUsed(room, sessionId(3), 0)]).toEqual([true, false]);
    expect(uses.isUsed("!other:home", sessionId(1), 0)).toBe(false);
});

test("somebody else who names the session changes nothing of its own sender's count", () => {
    const uses = recorded([[message(1, 0, 1, "@mallory:home"), message(1, 0, 50), message(1, 1, 60)]]);
    expect([...uses.pages(room)].flat()).toContainEqual({
        sessionId: sessionId(1),
        sender: "@alice:home",
        firstAt: 50,
        lastAt: 60,
        events: 2,
    });
});

test("what is no Megolm message is not counted: redacted, malformed, or a state event", () => {
    const good = message(1, 0, 10);
    const uses = recorded([
        [
            { ...good, content: {} },
            { ...good, type: "m.room.message" },
            { ...good, stateKey: "" },
        ],
    ]);
    expect([...uses.pages(room)].flat()).toEqual([]);
});

test("a time that cannot be is put right", () => {
    const uses = recorded([]);
    uses.record(room, [message(1, 0, 5), message(2, 0, 9_999)], { notBefore: 100, notAfter: 200 });
    expect(inOrder([...uses.pages(room)].flat()).map(({ firstAt }) => firstAt)).toEqual([100, 200]);
});

test("in whatever order events come, and however often, the rows are the same", () => {
    const event = fc
        .record({
            session: fc.integer({ min: 0, max: 3 }),
            index: fc.integer({ min: 0, max: 6 }),
            at: fc.integer({ min: 0, max: 1000 }),
            sender: fc.constantFrom("@alice:home", "@bob:home"),
        })
        .map(({ session, index, at, sender }) => message(session, index, at, sender));
    const story = fc
        .array(event, { maxLength: 40 })
        .chain((events) =>
            fc.tuple(
                fc.constant(events),
                fc.shuffledSubarray([...events, ...events], { minLength: events.length * 2 }),
            ),
        );
    fc.assert(
        fc.property(story, ([events, again]) => {
            const half = Math.floor(again.length / 2);
            const [once, other] = [recorded([events]), recorded([again.slice(0, half), again.slice(half)])];
            expect(inOrder([...other.pages(room)].flat())).toEqual(inOrder([...once.pages(room)].flat()));
            for (const use of [...once.pages(room)].flat())
                expect(other.split(room, use, 3)).toEqual(once.split(room, use, 3));
        }),
        { numRuns: 100 },
    );
});

test("of one sender in a room a bounded number of sessions is recorded, and of others no fewer for it", () => {
    const database = openDatabase({ path: ":memory:", schemas: [timelineSchema] });
    const uses = new SessionUses(database, 3);
    const record = (...events: readonly RoomEvent[]) => database.transaction(() => uses.record(room, events, ever));
    const flood = Array.from({ length: 5 }, (_, n) => message(n + 1, 0, 10, "@mallory:home"));
    expect(record(...flood, message(1, 0, 20), message(9, 0, 20))).toEqual({ seen: 7, added: 7 });
    expect(record(message(1, 1, 30, "@mallory:home"), message(6, 0, 30, "@mallory:home"))).toEqual({
        seen: 2,
        added: 2,
    });
    const known = [...uses.pages(room)].flat().map(({ sender, events }) => `${sender} ${events}`);
    expect(known.toSorted()).toEqual([
        "@alice:home 1",
        "@alice:home 1",
        "@mallory:home 1",
        "@mallory:home 1",
        "@mallory:home 2",
    ]);
});
