import { DecryptionSettings, RoomId, TrustRequirement } from "@matrix-org/matrix-sdk-crypto-wasm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { isSignedBySession } from "../matrix/index.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "./machine/testing/bot.ts";
import { KeyServer } from "./machine/testing/key-server.ts";
import { Peer } from "./machine/testing/peer.ts";
import { RoomEncryption } from "./room-encryption.ts";

const ROOM = "!room:home";
const text = { msgtype: "m.text", body: "hello" };

let store: ReturnType<typeof temporaryStore>;
let bot: TestBot;
let alice: Peer;
let mallory: Peer;
let marks: Map<string, number>;
let encryption: RoomEncryption;

beforeEach(async () => {
    store = temporaryStore();
    const server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    alice = await Peer.join(server, "@alice:home", "ALICE");
    mallory = await Peer.join(server, "@mallory:home", "UNSIGNED", { crossSigned: false });
    marks = new Map();
    encryption = new RoomEncryption({
        crypto: bot.crypto,
        outgoing: bot.outgoing,
        rotationMark: (roomId) => marks.get(roomId),
        clearRotation: (roomId) => marks.delete(roomId),
    });
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

const room = (visibility: "shared" | "joined") => () => ({
    members: ["@alice:home", "@mallory:home", BOT.userId],
    visibility,
});
const sessionOf = (event: { content: object }) =>
    "session_id" in event.content ? event.content.session_id : undefined;

async function read(peer: Peer, event: { type: string; content: object }): Promise<unknown> {
    await peer.learn(BOT.userId);
    await peer.sync();
    const json = JSON.stringify({ ...event, event_id: "$1", sender: BOT.userId, origin_server_ts: 1, room_id: ROOM });
    const settings = new DecryptionSettings(TrustRequirement.Untrusted);
    return JSON.parse((await peer.machine.decryptRoomEvent(json, new RoomId(ROOM), settings)).event);
}

test("a member with a cross-signed device reads it, one with an unsigned device does not", async () => {
    const event = await encryption.encrypt(room("shared"), ROOM, "m.room.message", text);
    expect(event.type).toBe("m.room.encrypted");
    expect(await read(alice, event)).toMatchObject({ type: "m.room.message", content: text });
    await expect(read(mallory, event)).rejects.toThrow();
});

test.each([
    ["shared", { shareable: 1, notShareable: 0, unknown: 0 }],
    ["joined", { shareable: 0, notShareable: 1, unknown: 0 }],
] as const)("our own session of a room with %s history is flagged so", async (visibility, expected) => {
    await encryption.encrypt(room(visibility), ROOM, "m.room.message", text);
    expect(await bot.crypto.holdings(ROOM)).toEqual(expected);
});

test("what a machine encrypts bears the session's signature, and nothing that differs from it does", async () => {
    const { content } = await encryption.encrypt(room("shared"), ROOM, "m.room.message", text);
    const event = z.looseObject({ ciphertext: z.string(), session_id: z.string() }).parse(content);
    expect(isSignedBySession(event)).toBe(true);
    const bytes = Buffer.from(event.ciphertext, "base64");
    for (const at of [2, 40, bytes.length - 70, bytes.length - 1]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(isSignedBySession({ ...event, ciphertext: changed.toString("base64") })).toBe(false);
    }
    expect(isSignedBySession({ ...event, session_id: "A".repeat(43) })).toBe(false);
});

test("the session goes on until a mark says otherwise, and the mark is cleared after the rotation", async () => {
    const first = await encryption.encrypt(room("shared"), ROOM, "m.room.message", text);
    expect(sessionOf(await encryption.encrypt(room("shared"), ROOM, "m.room.message", text))).toBe(sessionOf(first));
    marks.set(ROOM, 1);
    expect(sessionOf(await encryption.encrypt(room("shared"), ROOM, "m.room.message", text))).not.toBe(
        sessionOf(first),
    );
    expect(marks.size).toBe(0);
});

test("a mark that comes while the room key is under way rotates again before anything is encrypted", async () => {
    const rotations: string[] = [];
    const watched = new RoomEncryption({
        crypto: {
            rotate: (roomId) => {
                rotations.push(roomId);
                return bot.crypto.rotate(roomId);
            },
            trackUsers: (userIds) => bot.crypto.trackUsers(userIds),
            shareRoomKey: async (...args) => {
                const requests = await bot.crypto.shareRoomKey(...args);
                if (rotations.length === 0) marks.set(ROOM, 2);
                return requests;
            },
            encryptRoomEvent: (...args) => bot.crypto.encryptRoomEvent(...args),
        },
        outgoing: bot.outgoing,
        rotationMark: (roomId) => marks.get(roomId),
        clearRotation: (roomId) => marks.delete(roomId),
    });
    expect(await read(alice, await watched.encrypt(room("shared"), ROOM, "m.room.message", text))).toMatchObject({
        content: text,
    });
    expect(rotations).toEqual([ROOM]);
});

test("who left while the room key was under way gets no key of the new session, and the new visibility is the one that flags it", async () => {
    let now = room("shared")();
    const leaving = new RoomEncryption({
        crypto: {
            rotate: (roomId) => bot.crypto.rotate(roomId),
            trackUsers: (userIds) => bot.crypto.trackUsers(userIds),
            encryptRoomEvent: (...args) => bot.crypto.encryptRoomEvent(...args),
            shareRoomKey: async (...args) => {
                const requests = await bot.crypto.shareRoomKey(...args);
                if (now.members.includes("@alice:home")) {
                    now = { members: [BOT.userId], visibility: "joined" };
                    marks.set(ROOM, 1);
                }
                return requests;
            },
        },
        outgoing: bot.outgoing,
        rotationMark: (roomId) => marks.get(roomId),
        clearRotation: (roomId) => marks.delete(roomId),
    });
    const event = await leaving.encrypt(() => now, ROOM, "m.room.message", text);
    await expect(read(alice, event)).rejects.toThrow();
    expect(await bot.crypto.holdings(ROOM)).toMatchObject({ notShareable: 1 });
});
