import {
    DeviceId,
    EncryptionSettings,
    RoomId,
    UserId,
    type VerificationRequest as Asked,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RoomEvent } from "../../../matrix/index.ts";
import type { DeviceVerificationRequest, OutgoingRequest } from "../../port.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { KeyServer } from "../testing/key-server.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";
const type = "m.key.verification.request";
const chat = { msgtype: "m.text", body: "hello" };
const asked = { msgtype: type, body: "a secret", to: BOT.userId, from_device: "ALICE", methods: ["m.sas.v1"] };

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;
let alice: Peer;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
});

afterEach(async () => {
    vi.restoreAllMocks();
    await bot.crypto.close();
    store[Symbol.dispose]();
});

/** Alice's client asks to verify the bot's device, as matrix-js-sdk does. */
async function ask(): Promise<Asked> {
    const device = await alice.machine.getDevice(new UserId(BOT.userId), new DeviceId(BOT.deviceId));
    if (device === undefined) throw new Error("Alice does not know the bot");
    const [request, { id, body, event_type: eventType, txn_id: txnId }] = device.requestVerification();
    server.answer(alice.userId, alice.deviceId, { id, kind: "to_device", body, toDevice: { eventType, txnId } });
    return request;
}

async function received(...events: readonly object[]): Promise<readonly DeviceVerificationRequest[]> {
    const toDevice = [...server.take(BOT.userId, BOT.deviceId), ...events];
    return (await bot.receiveChanges({ toDevice })).verificationRequests;
}

const plain = (content: object, sender = "@mallory:home"): object => ({ type, sender, content });
const content = { from_device: "M", transaction_id: "t", timestamp: 5, methods: ["m.sas.v1"] };

test("a request is told, whether the asking device is known, and whether it came encrypted", async () => {
    const first = await ask();
    const told = { userId: alice.userId, deviceId: "ALICE", transactionId: first.flowId, sentAt: expect.any(Number) };
    expect(await received()).toEqual([told]);
    await bot.query(alice.userId);
    const second = await ask();
    await alice.tell(BOT.userId, BOT.deviceId, type, content);
    expect(await received()).toEqual([
        { ...told, transactionId: second.flowId },
        { ...told, deviceId: "M", transactionId: "t", sentAt: 5 },
    ]);
});

test.each<[string, object]>([
    ["without a transaction", plain({ ...content, transaction_id: undefined })],
    ["with an endless one", plain({ ...content, transaction_id: "t".repeat(256) })],
    ["without a device", plain({ ...content, from_device: 5 })],
    ["without a time", plain({ ...content, timestamp: "now" })],
    ["of our own user, whose other devices can answer it", plain(content, BOT.userId)],
    ["of somebody whose name is none", plain(content, "nobody")],
    ["that is another event", { ...plain(content), type: "m.key.verification.start" }],
])("a request %s is left out, and takes no other one with it", async (_, event) => {
    const sound = { userId: "@mallory:home", deviceId: "M", transactionId: "t", sentAt: 5 };
    expect(await received(event, plain(content))).toEqual([sound]);
});

test("the machine itself cancels nothing, not even when the request has run out", async () => {
    await bot.query(alice.userId);
    await ask();
    expect(await received()).toHaveLength(1);
    const later = performance.now() + 11 * 60_000;
    vi.spyOn(performance, "now").mockReturnValue(later);
    vi.spyOn(Date, "now").mockReturnValue(Date.now() + 11 * 60_000);
    await received(plain(content));
    await received(plain(content));
    const outgoing: readonly OutgoingRequest[] = await bot.crypto.outgoing();
    expect(outgoing.filter(({ kind }) => kind === "to_device")).toEqual([]);
});

test("of verifications that devices begin by themselves nothing is sent, however many there are", async () => {
    await bot.query(alice.userId);
    const begun = { from_device: "ALICE", method: "org.example.none", transaction_id: "s" };
    for (const transaction of ["a", "b", "c"])
        await alice.tell(BOT.userId, BOT.deviceId, "m.key.verification.start", {
            ...begun,
            transaction_id: transaction,
        });
    await received(plain(content), { type: "m.key.verification.start", sender: alice.userId, content: begun });
    const sent = (await bot.crypto.outgoing()).filter(({ kind }) => kind === "to_device");
    expect(sent).toEqual([]);
});

test("among encrypted messages the requests are found, and of the others nothing is told", async () => {
    const [request, ...others] = await say(["m.room.message", asked], ["m.room.message", chat], [type, asked]);
    await received();
    if (request === undefined) throw new Error("nothing was said");
    const broken = { ...request, eventId: "$broken", content: { ...request.content, ciphertext: "A" } };
    const found = await bot.crypto.findVerificationRequests(ROOM, [request, broken, ...others]);
    expect(found).toEqual({ requests: [{ eventId: "$0", to: BOT.userId }], withoutKey: [] });
    expect(JSON.stringify(found)).not.toContain("secret");
});

test("an event whose key is still to come is named, and read once it is there", async () => {
    const events = await say(["m.room.message", asked]);
    const find = () => bot.crypto.findVerificationRequests(ROOM, events);
    expect(await find()).toEqual({ requests: [], withoutKey: ["$0"] });
    await received();
    expect(await find()).toMatchObject({ requests: [{ eventId: "$0" }], withoutKey: [] });
});

/** Alice says this in the room; its key waits for the bot on the server. */
async function say(...messages: readonly (readonly [string, object])[]): Promise<readonly RoomEvent[]> {
    const room = new RoomId(ROOM);
    const sender = alice.userId;
    await alice.machine.updateTrackedUsers([new UserId(BOT.userId)]);
    await alice.exchange();
    for (const request of await alice.machine.shareRoomKey(room, [new UserId(BOT.userId)], new EncryptionSettings())) {
        const { id, body, event_type: eventType, txn_id: txnId } = request;
        server.answer(alice.userId, alice.deviceId, { id, kind: "to_device", body, toDevice: { eventType, txnId } });
        await alice.machine.markRequestAsSent(id, request.type, "{}");
    }
    const events: RoomEvent[] = [];
    for (const [index, [eventType, message]] of messages.entries()) {
        const encrypted = await alice.machine.encryptRoomEvent(room, eventType, JSON.stringify(message));
        const content = JSON.parse(encrypted) as Record<string, unknown>;
        events.push({ type: "m.room.encrypted", eventId: `$${index}`, sender, originServerTs: 1, content });
    }
    return events;
}
