import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test, vi } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import type { Room } from "../rooms/index.ts";
import { Greeter, type GreeterParts } from "./greeter.ts";
import { chatSchema, Greetings } from "./greetings.ts";

const roomId = "!room:home";
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };

let greetings: Greetings;
let room: Room;
let now: number;
let sent: string[][];
let bodies: string[];
let fault: Error | undefined;
let takesKeys: boolean;
let coverage: ReturnType<GreeterParts["coverage"]>;
let database: Database;

const day = 86_400_000;
const counted = { reach: "start", coversSince: undefined, events: 0, covered: 0 } as const;
const partly = { reach: "start", coversSince: 4 * day, events: 12, covered: 10 } as const;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [chatSchema] });
    greetings = new Greetings(database);
    room = {
        roomId,
        membership: "join",
        encryption: "encrypted",
        visibility: "shared",
        joinedAt: 0,
        openSince: 0,
        successor: undefined,
    };
    [now, sent, fault, coverage] = [0, [], undefined, counted];
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
        coverage: () => coverage,
        takesKeys: () => takesKeys,
        enough: () => 0.7,
        inviting: () => "compared",
        sendEncrypted: (to, _, txnId, message) => {
            bodies.push(JSON.stringify(message));
            sent.push([txnId, ...(to()?.members ?? [])]);
            return fault === undefined ? Promise.resolve() : Promise.reject(fault);
        },
        now: () => now,
        monotonic: () => now,
        random: () => 0,
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
    expect(bodies).toEqual([expect.stringContaining("still looking")]);
});

test("the greeting waits until the room's past is counted, and says since when", async () => {
    greetings.owe(roomId, "greeting");
    [room, now, coverage] = [{ ...room, joinedAt: 10 * day }, 10 * day, undefined];
    await greet();
    coverage = { ...counted, reach: "under_way" };
    await greet();
    expect(sent).toEqual([]);
    coverage = { ...partly, covered: 12 };
    await greet();
    expect(bodies).toEqual([expect.stringContaining("since 1970-01-05")]);
});

test("a greeting that was cut off by the end of the process waits for the count of the next one, and says the same", async () => {
    greetings.owe(roomId, "greeting");
    [room, now] = [{ ...room, joinedAt: 10 * day }, 10 * day];
    fault = new DOMException("killed", "AbortError");
    await greet();
    [fault, coverage] = [undefined, undefined];
    await greet();
    expect(sent).toHaveLength(1);
    coverage = counted;
    await greet();
    expect(sent).toHaveLength(2);
    expect(bodies[1]).toBe(bodies[0]);
    expect(greetings.owed()).toEqual([]);
});

test("a clock that was set back after the join lets nobody wait", async () => {
    greetings.owe(roomId, "greeting");
    [room, now, coverage] = [{ ...room, joinedAt: 10 * day }, 9 * day, undefined];
    await greet();
    expect(bodies).toEqual([expect.stringContaining("still looking")]);
});

test("where history is closed there is nothing to wait for", async () => {
    greetings.owe(roomId, "greeting");
    [room, coverage] = [{ ...room, visibility: "joined" }, undefined];
    await greet();
    coverage = partly;
    await greet();
    expect(bodies).toEqual([expect.stringContaining("What is missing")]);
});

test("a greeting that came before the count is followed by one message when the count is done", async () => {
    greetings.owe(roomId, "greeting");
    [now, coverage] = [30_000, undefined];
    await greet();
    await greet();
    expect(bodies).toEqual([expect.stringContaining("still looking")]);
    takesKeys = true;
    coverage = partly;
    await greet();
    expect(sent).toHaveLength(1);
    takesKeys = false;
    for (const covered of [10, 12, 2]) {
        coverage = { ...partly, covered };
        await greet();
    }
    expect(sent.map(([txnId]) => txnId)).toEqual(["greeting", "greeting-correction"]);
    expect(bodies[1]).toMatch(/I have looked through .* \(12\) I can hand on 10/s);
    expect(greetings.owed()).toEqual([]);
});

test("a greeting of a counted room is not corrected, whatever the next counts say", async () => {
    greetings.owe(roomId, "greeting");
    coverage = partly;
    await greet();
    for (const next of [undefined, { ...partly, covered: 2 }]) {
        coverage = next;
        now += 60_000;
        await greet();
    }
    expect(sent).toHaveLength(1);
});

test("a greeting of an earlier version is not corrected", async () => {
    database.close();
    const sql = new DatabaseSync(":memory:");
    for (const migration of chatSchema.migrations.slice(0, 2)) migration(sql);
    sql.exec("INSERT INTO greetings VALUES ('!room:home', 'before', 1)");
    for (const migration of chatSchema.migrations.slice(2)) migration(sql);
    greetings = new Greetings({ sql, close: () => sql.close(), transaction: (work) => work() });
    await greet();
    expect(sent).toEqual([]);
});

test("after a crash between preparing and sending, what stands in the room is what is corrected, once", async () => {
    greetings.owe(roomId, "greeting");
    [now, coverage, fault] = [30_000, undefined, new Error("killed after the homeserver had it")];
    await greet();
    coverage = partly;
    fault = undefined;
    await greet();
    fault = new Error("killed again");
    await greet();
    fault = undefined;
    await greet();
    await greet();
    expect(sent.map(([txnId]) => txnId)).toEqual([
        "greeting",
        "greeting",
        "greeting-correction",
        "greeting-correction",
    ]);
    expect(bodies[1]).toBe(bodies[0]);
    expect(bodies[3]).toBe(bodies[2]);
});

test("a correction waits while history is closed, and is said when it is open", async () => {
    greetings.owe(roomId, "greeting");
    [now, coverage] = [30_000, undefined];
    await greet();
    [room, coverage] = [{ ...room, visibility: "joined" }, partly];
    await greet();
    expect(sent).toHaveLength(1);
    room = { ...room, visibility: "shared" };
    await greet();
    expect(sent).toHaveLength(2);
});
