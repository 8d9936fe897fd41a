import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test, vi } from "vitest";
import type { Database } from "../database/index.ts";
import type { Room } from "../rooms/index.ts";
import { Greeter } from "./greeter.ts";
import { chatSchema, Greetings } from "./greetings.ts";

const roomId = "!room:home";
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };

let greetings: Greetings;
let room: Room;
let now: number;
let sent: string[][];
let bodies: string[];
let fault: Error | undefined;
let shareable: number;
let takesKeys: boolean;
let coverage: { reach: string; coversSince: number | undefined } | undefined;

beforeEach(() => {
    const sql = new DatabaseSync(":memory:");
    for (const migration of chatSchema.migrations) migration(sql);
    const database: Database = { sql, close: () => sql.close(), transaction: (work) => work() };
    greetings = new Greetings(database);
    room = { roomId, membership: "join", encryption: "encrypted", visibility: "shared", joinedAt: 0, openSince: 0, successor: undefined };
    [now, sent, fault, shareable, coverage] = [0, [], undefined, 0, undefined];
    bodies = [];
    takesKeys = false;
});

/** One round of a greeter that was just started, to its end. */
async function greet(greeter = newGreeter()): Promise<void> {
    greeter.wake();
    await greeter.stop();
}

function newGreeter(): Greeter {
    return new Greeter({
        botUserId: "@bot:home",
        greetings,
        rooms: {
            room: () => room,
            canInvite: () => true,
            membersWith: (_, membership) => [
                { userId: `@${membership}:home`, membership, eventId: "$member", sender: "@a:home", isDirect: false },
            ],
        },
        holdings: () => Promise.resolve({ shareable, notShareable: 0, unknown: 0 }),
        coverage: () => coverage,
        takesKeys: () => takesKeys,
        sendEncrypted: (to, _, txnId, message) => {
            bodies.push(JSON.stringify(message));
            sent.push([txnId, ...(to()?.members ?? [])]);
            return fault === undefined ? Promise.resolve() : Promise.reject(fault);
        },
        now: () => now,
        log: silent,
    });
}

test("a room is greeted once, to its members alone, whatever starts and joins come later", async () => {
    greetings.owe(roomId, "first");
    await greet();
    greetings.owe(roomId, "second");
    await greet();
    expect(sent).toEqual([["first", "@join:home"]]);
});

test.each<[string, Partial<Room>]>([
    ["a plain room waits until it is encrypted", { encryption: "plain" }],
    ["so does one whose state is not known", { encryption: "unknown", visibility: "unknown" }],
    ["a room that the bot has left is not greeted", { membership: "leave" }],
])("%s", async (_, changes) => {
    greetings.owe(roomId, "greeting");
    room = { ...room, ...changes };
    await greet();
    expect(sent).toEqual([]);
    expect(greetings.owed()).toHaveLength(1);
});

test("a greeting that failed is sent again under the same transaction ID, after a pause", async () => {
    greetings.owe(roomId, "greeting");
    fault = new Error("away");
    const greeter = newGreeter();
    greeter.wake();
    await vi.waitFor(() => {
        expect(sent).toHaveLength(1);
    });
    fault = undefined;
    await new Promise(setImmediate);
    greeter.wake();
    await new Promise(setImmediate);
    expect(sent).toHaveLength(1);
    now = 60_000;
    await greet(greeter);
    expect(sent.map(([txnId]) => txnId)).toEqual(["greeting", "greeting"]);
    expect(greetings.owed()).toEqual([]);
});

test("while keys are taken that came with the bot's invite, the greeting waits, but not for ever", async () => {
    takesKeys = true;
    greetings.owe(roomId, "greeting");
    await greet();
    expect(sent).toEqual([]);
    now = 31_000;
    await greet();
    expect(sent).toHaveLength(1);
});

test("where there are keys already, the greeting waits until the room's past is looked through, and says since when", async () => {
    const day = 86_400_000;
    greetings.owe(roomId, "greeting");
    [room, now, shareable] = [{ ...room, joinedAt: 10 * day }, 10 * day, 3];
    await greet();
    coverage = { reach: "under_way", coversSince: undefined };
    await greet();
    expect(sent).toEqual([]);
    coverage = { reach: "start", coversSince: 4 * day };
    await greet();
    expect(bodies).toEqual([expect.stringContaining("since 1970-01-05")]);
});

test("but not for long, and not at all where there are none", async () => {
    greetings.owe(roomId, "greeting");
    [now, shareable] = [30_000, 3];
    await greet();
    expect(bodies).toEqual([expect.stringContaining("messages of 3 sessions")]);
});
