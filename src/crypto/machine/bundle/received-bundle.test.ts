import { randomBytes } from "node:crypto";
import { EncryptionSettings, HistoryVisibility, RoomId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { EncryptedFile, TakenBundle } from "../../port.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { openBundle, type SealedFile, sealFile } from "../testing/bundle.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";
const ALICE = "@alice:home";

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;
/** Gives the bundles. */
let alice: Peer;
/** Made the sessions that are in them. */
let bob: Peer;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    alice = await Peer.join(server, ALICE, "ALICE");
    bob = await Peer.join(server, "@bob:home", "BOB");
    for (const peer of [alice, bob]) await peer.learn(BOT.userId);
    await bot.query(ALICE);
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

function entry(session: MegolmSession, index = 0, more: object = {}): object {
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        sender_claimed_keys: { ed25519: bob.machine.identityKeys.ed25519.toBase64() },
        sender_key: bob.curve25519,
        session_id: session.sessionId,
        session_key: session.exportedAt(index),
        ...more,
    };
}

function withheld(session: MegolmSession, more: object = {}): object {
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        code: "m.history_not_shared",
        room_id: ROOM,
        sender_key: bob.curve25519,
        session_id: session.sessionId,
        ...more,
    };
}

interface Bundle {
    readonly room_keys?: readonly unknown[];
    readonly withheld?: readonly unknown[];
}

/** Encrypts the bundle as clients do and announces it. */
async function announce(content: Bundle | string, from = alice): Promise<SealedFile> {
    const sealed = sealFile(
        typeof content === "string" ? content : JSON.stringify({ room_keys: [], withheld: [], ...content }),
    );
    await from.tell(BOT.userId, BOT.deviceId, "m.room_key_bundle", { room_id: ROOM, file: sealed.file });
    await bot.receive();
    return sealed;
}

function take({ file, ciphertext }: SealedFile, sender = ALICE): Promise<TakenBundle> {
    return bot.crypto.takeBundle({ roomId: ROOM, sender, url: file.url, ciphertext });
}

async function give(content: Bundle | string): Promise<TakenBundle> {
    return await take(await announce(content));
}

/** The session's own sender gives its key to the bot. */
async function tell(session: MegolmSession, flags: object, index = 0, from = bob): Promise<void> {
    await from.tell(BOT.userId, BOT.deviceId, "m.room_key", keyOf(session, flags, index));
    await bot.receive();
}

function keyOf(session: MegolmSession, flags: object, index: number): object {
    const key = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        session_id: session.sessionId,
        session_key: session.sharedAt(index),
    };
    return { ...key, ...flags };
}

/** A key of the session's ID that is none of its own. */
function madeUp(session: MegolmSession): string {
    const real = Buffer.from(session.exportedAt(session.firstIndex), "base64");
    return Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), randomBytes(128), real.subarray(-32)])
        .toString("base64")
        .replaceAll("=", "");
}

async function until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

const held = async (): Promise<readonly object[]> => (await bot.crypto.exportRoomKeys(ROOM)).sessions;
const holdings = () => bot.crypto.holdings(ROOM);
const shared = async (): Promise<readonly unknown[]> =>
    (await openBundle(bot.crypto, ROOM)).content.room_keys.map((key) => key["session_id"]);
const closed = async (): Promise<readonly unknown[]> =>
    (await openBundle(bot.crypto, ROOM)).content.withheld.map((record) => record["session_id"]);

test("a bundle that a real machine built is taken, and is in the bot's own bundle", async () => {
    const room = new RoomId(ROOM);
    const settings = new EncryptionSettings();
    settings.historyVisibility = HistoryVisibility.Shared;
    await alice.machine.shareRoomKey(room, [], settings);
    const { session_id: sessionId } = JSON.parse(
        await alice.machine.encryptRoomEvent(room, "m.room.message", "{}"),
    ) as {
        session_id: string;
    };
    const built = await alice.machine.buildRoomKeyBundle(room);
    const file = { ...(JSON.parse(built?.mediaEncryptionInfo ?? "{}") as EncryptedFile), url: "mxc://home/built" };
    await alice.tell(BOT.userId, BOT.deviceId, "m.room_key_bundle", { room_id: ROOM, file });
    expect(await bot.receive()).toEqual([ROOM]);
    expect(await bot.crypto.offeredBundle(ROOM, ALICE)).toMatchObject({
        url: file.url,
        deviceId: "ALICE",
        crossSigned: true,
    });
    const taken = await take({ file, ciphertext: built?.encryptedData ?? new Uint8Array() });
    expect(taken).toEqual({ outcome: "taken", keys: 1, taken: 1, refused: 0, withheld: 0 });
    expect(await shared()).toEqual([sessionId]);
    expect(await bot.crypto.heldSessions(ROOM)).toEqual([
        { sessionId, firstIndex: 0, verdict: "shareable", given: true },
    ]);
});

test("an announcement whose URI no homeserver can be asked for is none", async () => {
    const { file } = sealFile("{}");
    await alice.tell(BOT.userId, BOT.deviceId, "m.room_key_bundle", {
        room_id: ROOM,
        file: { ...file, url: "mxc://../x" },
    });
    expect(await bot.receive()).toEqual([]);
    expect(await bot.crypto.offeredBundle(ROOM, ALICE)).toBeUndefined();
});

test("what was announced outlives a restart, the newest of each sender counts, and it is forgotten with the room", async () => {
    await announce({ room_keys: [entry(new MegolmSession())] });
    const second = await announce({ room_keys: [entry(new MegolmSession())] });
    await announce({ room_keys: [entry(new MegolmSession())] }, bob);
    await bot.crypto.close();
    bot = new TestBot(await inThisThread(store.path), server);
    expect(await bot.crypto.offeredBundle(ROOM, ALICE)).toMatchObject({ url: second.file.url });
    expect(await bot.crypto.bundleOfferers(ROOM)).toEqual(["@bob:home", ALICE]);
    expect(await take(second)).toMatchObject({ taken: 1 });
    expect(await take(second)).toMatchObject({ keys: 1, taken: 0, refused: 0 });
    await bot.crypto.forgetRoom(ROOM);
    expect(await bot.crypto.offeredBundle(ROOM, ALICE)).toBeUndefined();
});

test("a device that its owner has not signed is told apart", async () => {
    const dora = await Peer.join(server, "@dora:home", "DORA", { crossSigned: false });
    await dora.learn(BOT.userId);
    await announce({}, dora);
    await bot.query(dora.userId);
    expect(await bot.crypto.offeredBundle(ROOM, dora.userId)).toMatchObject({
        deviceId: "DORA",
        crossSigned: false,
        masterKey: null,
    });
    await dora.resetIdentity();
    await bot.query(dora.userId);
    expect(await bot.crypto.offeredBundle(ROOM, dora.userId)).toMatchObject({
        crossSigned: true,
        masterKey: expect.any(String),
    });
});

test("nothing is taken of another file, and nothing of a bundle that was not announced", async () => {
    const announced = await announce({ room_keys: [entry(new MegolmSession())] });
    const changed = Uint8Array.from(announced.ciphertext);
    changed[100] = (changed[100] ?? 0) ^ 1;
    expect(await take({ ...announced, ciphertext: changed })).toEqual({ outcome: "hash_mismatch" });
    expect(await take(announced, "@bob:home")).toEqual({ outcome: "replaced" });
    await announce({});
    expect(await take(announced)).toEqual({ outcome: "replaced" });
    expect(await held()).toEqual([]);
});

test.each([
    ["no JSON", "nonsense"],
    ["a list", "[]"],
    ["half a bundle", '{"room_keys":[{'],
])("%s is no bundle", async (_, text) => {
    expect(await give(text)).toMatchObject({ outcome: "malformed" });
});

test("malformed keys, those of other rooms and those with another's ID are left out, and the rest is taken", async () => {
    const [good, other] = [new MegolmSession(), new MegolmSession()];
    const bad = [
        null,
        7,
        {},
        entry(other, 0, { room_id: "!other:home" }),
        entry(other, 0, { session_id: good.sessionId }),
        entry(other, 0, { session_key: other.sharedAt(0) }),
        entry(other, 0, { sender_key: "nobody" }),
    ];
    // What is no object is not even looked at.
    expect(await give({ room_keys: [...bad, entry(good)] })).toEqual({
        outcome: "taken",
        keys: 6,
        taken: 1,
        refused: 5,
        withheld: 0,
    });
    expect(await shared()).toEqual([good.sessionId]);
    expect((await bot.crypto.exportRoomKeys("!other:home")).sessions).toEqual([]);
});

test("many keys come in whole, while others have their turn", async () => {
    const sessions = Array.from({ length: 1_500 }, () => new MegolmSession());
    const announced = await announce({ room_keys: sessions.map((session) => entry(session)) });
    const taking = take(announced);
    const during = Promise.withResolvers<"others have their turn">();
    // Asked from then on when the first keys are in.
    void until(async () => (await holdings()).shareable > 0).then(() => during.resolve("others have their turn"));
    expect(await Promise.race([taking, during.promise])).toBe("others have their turn");
    expect(await taking).toMatchObject({ keys: 1_500, taken: 1_500 });
    expect((await openBundle(bot.crypto, ROOM)).shared).toBe(1_500);
});

test("a key that reaches further back than the sender's own takes its place, if it leads there", async () => {
    const session = new MegolmSession();
    await tell(session, { shared_history: true }, 5);
    expect(await give({ room_keys: [entry(session, 2)] })).toMatchObject({ taken: 1, refused: 0 });
    expect(await held()).toEqual([
        expect.objectContaining({ session_key: session.exportedAt(2), shared_history: true }),
    ]);
    expect(await bot.crypto.heldSessions(ROOM)).toEqual([expect.objectContaining({ firstIndex: 2, given: true })]);
    expect(await give({ room_keys: [entry(session, 4)] })).toMatchObject({ taken: 0, refused: 0 });
    expect(await held()).toEqual([expect.objectContaining({ session_key: session.exportedAt(2) })]);
});

test("a made-up key of a session that we hold changes nothing", async () => {
    const session = new MegolmSession();
    await tell(session, { shared_history: true }, 5);
    const before = [await held(), await bot.crypto.shareableSet(ROOM)];
    const asAnother = entry(session, 0, { sender_key: alice.curve25519 });
    expect(await give({ room_keys: [entry(session, 0, { session_key: madeUp(session) })] })).toMatchObject({
        taken: 0,
        refused: 1,
    });
    expect(await give({ room_keys: [asAnother] })).toMatchObject({ taken: 0 });
    expect([await held(), await bot.crypto.shareableSet(ROOM)]).toEqual(before);
});

test(
    "a bundle of keys that lead nowhere is given up after some seconds of work, and what was good of it stays",
    { timeout: 60_000 },
    async () => {
        const good = new MegolmSession();
        const bad = Array.from({ length: 150 }, () => new MegolmSession(0xffff_ff00));
        for (const session of bad)
            await bob.tell(
                BOT.userId,
                BOT.deviceId,
                "m.room_key",
                keyOf(session, { shared_history: true }, session.firstIndex),
            );
        await bot.receive();
        const made = bad.map((session) => entry(session, session.firstIndex, { session_key: madeUp(session) }));
        expect(await give({ room_keys: [entry(good), ...made] })).toMatchObject({
            outcome: "malformed",
            detail: expect.stringMatching("takes too long"),
        });
        expect(await shared()).toContain(good.sessionId);
    },
);

test("keys that could better nothing are not looked into", async () => {
    const sessions = Array.from({ length: 150 }, () => new MegolmSession(0xffff_ff00));
    for (const session of sessions)
        await bob.tell(
            BOT.userId,
            BOT.deviceId,
            "m.room_key",
            keyOf(session, { shared_history: true }, session.firstIndex),
        );
    await bot.receive();
    const later = sessions.map((session) => entry(session, session.firstIndex + 1));
    expect(await give({ room_keys: [...later, entry(new MegolmSession())] })).toMatchObject({
        outcome: "taken",
        taken: 1,
        refused: 0,
    });
});

test("a made-up key that came before the session's own is gone when that comes", async () => {
    const session = new MegolmSession();
    await give({ room_keys: [entry(session, 0, { session_key: madeUp(session) })] });
    await tell(session, { shared_history: true }, 5);
    // Its giver may give the real one now.
    expect(await give({ room_keys: [entry(session, 2)] })).toMatchObject({ taken: 1, refused: 0 });
    expect(await held()).toEqual([expect.objectContaining({ session_key: session.exportedAt(2) })]);
});

test.each([
    ["no", { shared_history: false }],
    ["silence", {}],
])("a sender's %s stands against a bundle that came later", async (_, flags) => {
    const session = new MegolmSession();
    await tell(session, flags, 3);
    await give({ room_keys: [entry(session, 0)] });
    expect(await shared()).toEqual([]);
    expect(await closed()).toEqual([session.sessionId]);
});

test.each([
    ["no", { shared_history: false }],
    ["silence", {}],
])("a sender's %s stands against a bundle that came before", async (_, flags) => {
    const session = new MegolmSession();
    await give({ room_keys: [entry(session, 0)] });
    expect(await shared()).toEqual([session.sessionId]);
    await tell(session, flags, 3);
    expect(await shared()).toEqual([]);
    expect(await closed()).toEqual([session.sessionId]);
});

test("what the sender says with another copy counts, also if a bundle brought one meanwhile", async () => {
    const [closedLater, openedLater] = [new MegolmSession(), new MegolmSession()];
    await tell(closedLater, { shared_history: true }, 3);
    await tell(openedLater, {}, 3);
    await give({ room_keys: [entry(closedLater, 0), entry(openedLater, 0)] });
    await tell(closedLater, { shared_history: false }, 1);
    await tell(openedLater, { shared_history: true }, 4);
    expect(await shared()).toEqual([openedLater.sessionId]);
    expect(await closed()).toEqual([closedLater.sessionId]);
});

test("a room that is forgotten while its bundle is taken stays forgotten", async () => {
    const sessions = Array.from({ length: 1_500 }, () => new MegolmSession());
    const taking = take(await announce({ room_keys: sessions.map((session) => entry(session)) }));
    await until(async () => (await holdings()).shareable > 0);
    await bot.crypto.forgetRoom(ROOM);
    expect(await taking).toEqual({ outcome: "replaced" });
    expect(await holdings()).toEqual({ shareable: 0, notShareable: 0, unknown: 0 });
});

test("the sender's own key takes the place of a made-up one that came before, and stays beside one that leads to it", async () => {
    const [forged, real] = [new MegolmSession(), new MegolmSession()];
    await give({ room_keys: [entry(forged, 0, { session_key: madeUp(forged) }), entry(real, 1)] });
    expect(await holdings()).toMatchObject({ shareable: 2 });
    for (const session of [forged, real]) await tell(session, { "m.shared_history": true }, 6);
    const keys = new Map(
        (await held()).map((key) => [Reflect.get(key, "session_id"), Reflect.get(key, "session_key")]),
    );
    expect(keys.get(forged.sessionId)).toBe(forged.exportedAt(6));
    expect(keys.get(real.sessionId)).toBe(real.exportedAt(1));
    expect(await holdings()).toEqual({ shareable: 2, notShareable: 0, unknown: 0 });
});

test("where the sender's own copy came after a given one under another sender's key, theirs is handed on", async () => {
    const session = new MegolmSession();
    await give({ room_keys: [entry(session, 0, { sender_key: alice.curve25519, session_key: madeUp(session) })] });
    await tell(session, { shared_history: true }, 1);
    const { content } = await openBundle(bot.crypto, ROOM);
    expect(content.room_keys).toEqual([
        expect.objectContaining({ sender_key: bob.curve25519, session_key: session.exportedAt(1) }),
    ]);
    expect(await bot.crypto.heldSessions(ROOM)).toEqual([expect.objectContaining({ firstIndex: 1, given: false })]);
});

test("what the operator imported stays the operator's, and a bundle that has the same says what was not known of it", async () => {
    const [session, other] = [new MegolmSession(), new MegolmSession()];
    await bot.crypto.importRoomKeys(
        [session, other].map((one) => ({ ...entry(one, 2), forwarding_curve25519_key_chain: [] })),
    );
    expect(await holdings()).toMatchObject({ unknown: 2 });
    expect(await give({ room_keys: [entry(other, 3, { session_key: madeUp(other) })] })).toMatchObject({ taken: 0 });
    expect(await give({ room_keys: [entry(session, 3)] })).toMatchObject({ taken: 1 });
    expect(await holdings()).toMatchObject({ shareable: 1, unknown: 1 });
    expect(await bot.crypto.heldSessions(ROOM)).toContainEqual({
        sessionId: session.sessionId,
        firstIndex: 2,
        verdict: "shareable",
        given: true,
    });
});

test("what a bundle brought and the operator imports counts as the operator's", async () => {
    const sessions = Array.from({ length: 101 }, () => new MegolmSession());
    await give({ room_keys: sessions.map((session) => entry(session)) });
    const limits = { maxSessions: 100, maxBytes: undefined, notBefore: undefined };
    expect((await openBundle(bot.crypto, ROOM, { limits })).shared).toBe(100);
    const stranger = { strangers: [ALICE] };
    expect((await openBundle(bot.crypto, ROOM, stranger)).shared).toBe(0);
    await bot.crypto.importRoomKeys(sessions.map((session) => ({ ...entry(session), "m.shared_history": true })));
    expect((await openBundle(bot.crypto, ROOM, stranger)).shared).toBe(101);
});

test("withheld records are passed on: once, in one list only, bounded, and never for a session whose owner shares it", async () => {
    const [ours, theirs, later] = [new MegolmSession(), new MegolmSession(), new MegolmSession()];
    const isBobs = ({ sessionId }: MegolmSession) =>
        bot.crypto.setOwners([{ roomId: ROOM, sessionId, userId: bob.userId }]);
    await tell(ours, { shared_history: true });
    await isBobs(ours);
    const records = [
        withheld(ours),
        withheld(theirs),
        withheld(theirs, { code: "io.element.msc4268.history_not_shared" }),
        withheld(later),
        withheld(new MegolmSession(), { code: "m.unverified" }),
        withheld(new MegolmSession(), { room_id: "!other:home" }),
        {},
    ];
    expect(await give({ withheld: records })).toMatchObject({ outcome: "taken", withheld: 3 });
    expect(new Set(await closed())).toEqual(new Set([theirs.sessionId, later.sessionId]));
    expect((await bot.crypto.heldSessions(ROOM)).filter(({ verdict }) => verdict === "withheld")).toHaveLength(2);

    await tell(later, { shared_history: true });
    expect(await shared()).toEqual([ours.sessionId]);
    await isBobs(later);
    expect(await closed()).toEqual([theirs.sessionId]);
    expect(new Set(await shared())).toEqual(new Set([ours.sessionId, later.sessionId]));
    const many = Array.from({ length: 10_050 }, () =>
        withheld({ sessionId: randomBytes(32).toString("base64").slice(0, 43) } as MegolmSession),
    );
    await give({ withheld: many });
    expect((await openBundle(bot.crypto, ROOM)).withheld).toBe(9_998);
});
