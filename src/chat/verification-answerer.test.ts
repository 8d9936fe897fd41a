import { beforeEach, expect, test } from "vitest";
import type { VerificationRequestsFound } from "../crypto/index.ts";
import { parseSyncBatch, type SyncBatch } from "../matrix/index.ts";
import { verificationReason } from "../texts/index.ts";
import { VerificationAnswerer } from "./verification-answerer.ts";

const roomId = "!room:home";
const bot = "@bot:home";
const alice = "@alice:home";
const minute = 60_000;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };
const cancellation = { code: "m.unknown_method", reason: verificationReason };
const device = { userId: alice, deviceId: "A", transactionId: "t", sentAt: 0 };

let answerer: VerificationAnswerer;
let now: number;
let direct: boolean;
let encryption: "plain" | "encrypted" | "unknown";
/** What the bot sent: to whom or where, of which type, and what. */
let sent: unknown[][];
/** The events that were given to be decrypted. */
let read: string[][];
let found: (eventIds: readonly string[]) => Promise<VerificationRequestsFound>;
let fault: Error | undefined;

beforeEach(() => {
    [now, direct, encryption, sent, read, fault] = [0, true, "encrypted", [], [], undefined];
    found = () => Promise.resolve({ requests: [], withoutKey: [] });
    answerer = new VerificationAnswerer({
        botUserId: bot,
        rooms: {
            room: () => ({
                roomId,
                membership: "join",
                encryption,
                visibility: "shared",
                joinedAt: 0,
                successor: undefined,
                openSince: 0,
            }),
            membersWith: () => [],
            isDirect: () => direct,
        },
        crypto: {
            findVerificationRequests: (_, events) => {
                const eventIds = events.map(({ eventId }) => eventId);
                read.push(eventIds);
                return found(eventIds);
            },
        },
        homeserver: {
            sendToDevice: (type, _, body) => send([type, JSON.parse(body)]).then(() => "{}"),
            sendEvent: (room, type, txnId, content) => send(["plain", room, type, txnId, content]).then(() => "$sent"),
        },
        sendEncrypted: (_, room, txnId, content, type) => send(["encrypted", room, type, txnId, content]),
        now: () => now,
        monotonic: () => now,
        log: silent,
    });
});

function send(what: unknown[]): Promise<void> {
    sent.push(what);
    return fault === undefined ? Promise.resolve() : Promise.reject(fault);
}

const message = (eventId: string, type: string, content: object, at = now): object => ({
    type,
    event_id: eventId,
    sender: alice,
    origin_server_ts: at,
    content,
});
const encrypted = (eventId: string): object =>
    message(eventId, "m.room.encrypted", { algorithm: "m.megolm.v1.aes-sha2" });
const plain = (eventId: string): object =>
    message(eventId, "m.room.message", { msgtype: "m.key.verification.request", to: bot });

function batch(...events: object[]): SyncBatch {
    const rooms = { join: { [roomId]: { timeline: { events, limited: false } } } };
    return parseSyncBatch({ next_batch: "s2", rooms }, "s1");
}

/** A batch, and everything that follows from it. */
async function said(...events: object[]): Promise<void> {
    answerer.askedInRooms(batch(...events));
    answerer.wake();
    await new Promise(setImmediate);
}

/** What is sent for a request in a room: the cancellation, and the reason for people to read. */
const answer = (how: "plain" | "encrypted", eventId: string): unknown[][] => [
    [
        how,
        roomId,
        "m.key.verification.cancel",
        `backscroll-verification-${eventId}`,
        { ...cancellation, "m.relates_to": { rel_type: "m.reference", event_id: eventId } },
    ],
    [
        how,
        roomId,
        "m.room.message",
        `backscroll-verification-${eventId}-reason`,
        { msgtype: "m.notice", body: verificationReason },
    ],
];

test("a device that asks gets a cancellation at the next wake, once, and nothing before", async () => {
    answerer.askedByDevices([device, device]);
    expect(sent).toEqual([]);
    answerer.wake();
    answerer.askedByDevices([device]);
    answerer.wake();
    await answerer.stop();
    const messages = { [alice]: { A: { ...cancellation, transaction_id: "t" } } };
    expect(sent).toEqual([["m.key.verification.cancel", { messages }]]);
});

test.each([
    ["from long ago", -11 * minute],
    ["from the future", 6 * minute],
])("a device's request %s is not answered", async (_, sentAt) => {
    answerer.askedByDevices([{ ...device, sentAt }]);
    answerer.wake();
    await answerer.stop();
    expect(sent).toEqual([]);
});

test.each(["plain", "encrypted"] as const)(
    "a plain request in a direct room that is %s is answered there",
    async (how) => {
        encryption = how;
        await said(plain("$1"));
        expect(sent).toEqual(answer(how, "$1"));
        await said(plain("$1"));
        expect(sent).toHaveLength(2);
    },
);

test("an encrypted request is answered if it is for the bot", async () => {
    const requests = [
        { eventId: "$1", to: "@somebody:else" },
        { eventId: "$2", to: bot },
    ];
    found = () => Promise.resolve({ requests, withoutKey: [] });
    await said(encrypted("$1"), encrypted("$2"), encrypted("$3"));
    expect(read).toEqual([["$1", "$2", "$3"]]);
    expect(sent).toEqual(answer("encrypted", "$2"));
});

test("many events are read a few at a time", async () => {
    await said(...Array.from({ length: 60 }, (_, index) => encrypted(`$${index}`)));
    expect(read.map(({ length }) => length)).toEqual([10, 10, 10, 10, 10]);
    expect(read.at(-1)?.at(-1)).toBe("$59");
});

test("in a room with others nothing is read, and nobody is answered", async () => {
    direct = false;
    await said(plain("$1"), encrypted("$2"));
    expect([read, sent]).toEqual([[], []]);
});

test("an event waits a minute for its key", async () => {
    found = (eventIds) => Promise.resolve({ requests: [], withoutKey: eventIds });
    await said(encrypted("$1"));
    now = minute / 2;
    await said(encrypted("$2"));
    now = minute;
    await said();
    expect(read).toEqual([["$1"], ["$1", "$2"], ["$2"]]);
    found = () => Promise.resolve({ requests: [{ eventId: "$2", to: bot }], withoutKey: [] });
    await said();
    expect(sent).toEqual(answer("encrypted", "$2"));
    await said();
    expect(read).toHaveLength(4);
});

test("what comes while others are read is read right after them", async () => {
    const first = Promise.withResolvers<VerificationRequestsFound>();
    found = () => first.promise;
    await said(encrypted("$1"));
    await said(encrypted("$2"));
    expect(read).toEqual([["$1"]]);
    first.resolve({ requests: [], withoutKey: [] });
    await new Promise(setImmediate);
    expect(read).toEqual([["$1"], ["$2"]]);
});

test("a failure ends nothing: the next one who asks is answered", async () => {
    fault = new Error("the homeserver is away");
    found = () => Promise.reject(new Error("the worker is busy"));
    await said(plain("$1"), encrypted("$2"));
    fault = undefined;
    await said(plain("$3"));
    expect(sent.slice(1)).toEqual(answer("encrypted", "$3"));
});

test("after the stop nothing is sent", async () => {
    await answerer.stop();
    answerer.askedByDevices([device]);
    await said(plain("$1"));
    expect(sent).toEqual([]);
});
