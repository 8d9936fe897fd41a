import fc from "fast-check";
import { expect, test } from "vitest";
import { openDatabase } from "../database/index.ts";
import type { RoomEvent } from "../matrix/index.ts";
import { timelineSchema } from "./schema.ts";
import { SessionOwners } from "./session-owners.ts";
import { SessionUses } from "./session-uses.ts";
import { message, sessionId, signingSession } from "./testing/messages.ts";

const room = "!room:home";
const ever = { notBefore: 0, notAfter: 1_000_000 };
const session = signingSession();
const mallory = "@mallory:home";

function recorded(...batches: readonly (readonly RoomEvent[])[]) {
    const database = openDatabase({ path: ":memory:", schemas: [timelineSchema] });
    const uses = new SessionUses(database);
    const owners = new SessionOwners(database);
    for (const batch of batches) database.transaction(() => uses.record(room, batch, ever));
    return { database, uses, owners, of: () => owners.untold(10).map(({ sessionId: id, userId }) => [id, userId]) };
}

/** What Mallory sends on of a message that she received. */
const copied = (index: number, at: number): RoomEvent => session.message(index, at, mallory);

test.each<[string, readonly (readonly RoomEvent[])[], string | undefined]>([
    ["its message", [[session.message(0, 10)]], "@alice:home"],
    ["a copy of it, which is later", [[session.message(0, 10), copied(0, 20)]], "@alice:home"],
    ["a copy that is known first", [[copied(0, 20)], [session.message(0, 10)]], "@alice:home"],
    [
        "a copy of an early message, found before it",
        [[session.message(5, 50)], [copied(0, 20)], [session.message(0, 10)]],
        "@alice:home",
    ],
    ["a made-up message that is earlier", [[message(1, 0, 5, mallory)], [session.message(0, 10)]], "@alice:home"],
    [
        "one in the session's name",
        [
            [session.message(0, 5, mallory, { ciphertext: message(1, 0, 5).content["ciphertext"] as string })],
            [session.message(0, 10)],
        ],
        "@alice:home",
    ],
    ["a copy alone", [[copied(0, 20)]], mallory],
    [
        "nothing that is signed",
        [[session.message(0, 5, mallory, { ciphertext: message(1, 0, 5).content["ciphertext"] as string })]],
        undefined,
    ],
])("whose a session is after %s", (_, batches, owner) => {
    const of = new Map(
        recorded(...batches)
            .of()
            .map(([id, userId]) => [id, userId]),
    );
    expect(of.get(session.id)).toBe(owner);
    expect(of.get(sessionId(1))).toBeUndefined();
});

test("in every order and every division into batches, the owner and the time are the same", () => {
    const event = fc.record({
        index: fc.integer({ min: 0, max: 5 }),
        at: fc.integer({ min: 1, max: 8 }),
        sender: fc.constantFrom("@alice:home", mallory, "@bob:home"),
    });
    const events = fc.uniqueArray(event, {
        minLength: 1,
        maxLength: 8,
        selector: ({ index, at, sender }) => [index, at, sender].join(),
    });
    const lives = events.chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat({ max: all.length })),
    );
    fc.assert(
        fc.property(lives, ([one, other, cut]) => {
            const events_ = (some: typeof one) =>
                some.map(({ index, at, sender }) => session.message(index, at, sender));
            const [first, second] = [
                recorded(events_(one)),
                recorded(events_(other.slice(0, cut)), events_(other.slice(cut))),
            ];
            expect(second.of()).toEqual(first.of());
            expect([...second.owners.pages(room)]).toEqual([...first.owners.pages(room)]);
        }),
        { numRuns: 60 },
    );
});

test("what was told is told again only when it is somebody else's", () => {
    const { database, uses, owners } = recorded([copied(0, 20)]);
    const untold = owners.untold(10);
    database.transaction(() => owners.told(untold));
    expect(owners.untold(10)).toEqual([]);
    database.transaction(() => uses.record(room, [copied(0, 15)], ever));
    expect(owners.untold(10)).toEqual([]);
    database.transaction(() => uses.record(room, [session.message(0, 10)], ever));
    expect(owners.untold(10)).toEqual([{ roomId: room, sessionId: session.id, userId: "@alice:home" }]);
    // Told meanwhile of the one before: that is not this.
    database.transaction(() => owners.told(untold));
    expect(owners.untold(10)).toHaveLength(1);
});
