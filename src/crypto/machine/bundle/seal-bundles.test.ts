import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { Device, RoomId, UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { BundleDelivery, EncryptedFile, SealedDelivery } from "../../port.ts";
import { unpadded } from "../entries/exported-session-key.ts";
import type { CryptoStore } from "../store/context.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { openBundle } from "../testing/bundle.ts";
import { KeyServer } from "../testing/key-server.ts";
import { MegolmSession } from "../testing/megolm.ts";
import { Peer } from "../testing/peer.ts";

const ROOM = "!room:home";
const CHARLIE = "@charlie:home";

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;
let charlie: Peer;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    charlie = await Peer.join(server, CHARLIE, "PHONE");
    await bot.query(CHARLIE);
    await bot.outgoing.claim([CHARLIE]);
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

test("a real machine takes the bundle that we build, and has its sessions", async () => {
    const alice = await Peer.join(server, "@alice:home", "ALICE");
    await alice.learn(BOT.userId);
    const [shared, closed] = [new MegolmSession(), new MegolmSession()];
    await giveSession(alice, shared, { shared_history: true });
    await giveSession(alice, closed, {});
    await bot.receive();
    const { file, ciphertext, ...bundle } = await openBundle(bot.crypto, ROOM);
    expect(bundle).toMatchObject({ shared: 1, withheld: 1 });

    const sealed = await seal(await delivery({ file }));
    expect(states(sealed)).toEqual({ PHONE: "sealed" });
    send(sealed);
    await charlie.learn(BOT.userId);
    await charlie.learn("@alice:home");
    await charlie.sync();

    const received = await charlie.machine.getReceivedRoomKeyBundleData(new RoomId(ROOM), new UserId(BOT.userId));
    expect(received?.url).toBe(file.url);
    if (received !== undefined) await charlie.machine.receiveRoomKeyBundle(received, ciphertext);
    const held = JSON.parse(await charlie.machine.exportRoomKeys(() => true)) as { session_id: string }[];
    expect(held.map((session) => session.session_id)).toEqual([shared.sessionId]);
});

test("each device gets one body, and asking again answers the same one without a new ratchet step", async () => {
    const first = await seal(await delivery());
    expect(await seal(await delivery())).toEqual(first);

    await Peer.join(server, CHARLIE, "UNSIGNED", { crossSigned: false });
    await bot.query(CHARLIE);
    const second = await seal(await delivery());
    expect(states(second)).toEqual({ PHONE: "sealed", UNSIGNED: "not_cross_signed" });
    expect(contents(second)["PHONE"]).toEqual(contents(first)["PHONE"]);

    await bot.crypto.deliveriesSent(["delivery-1"]);
    expect(contents(await seal(await delivery()))["PHONE"]).not.toEqual(contents(first)["PHONE"]);
});

test("the bodies survive a restart", async () => {
    const before = await seal(await delivery());
    await bot.crypto.close();
    bot = new TestBot(await inThisThread(store.path), server);
    expect(await seal(await delivery())).toEqual(before);
});

test("another file under the same delivery is encrypted anew: an old key never goes out with it", async () => {
    const before = await seal(await delivery());
    const after = await seal(await delivery({ file: encrypt(Buffer.from("other")).file }));
    expect(contents(after)["PHONE"]).not.toEqual(contents(before)["PHONE"]);
});

test("an unsigned device gets nothing", async () => {
    const dave = await Peer.join(server, "@dave:home", "DAVE", { crossSigned: false });
    await bot.query(dave.userId);
    await bot.outgoing.claim([dave.userId]);
    expect(await bot.keysOf(dave.userId)).toEqual({
        masterKey: null,
        devices: [{ deviceId: "DAVE", crossSigned: false, dehydrated: false }],
    });
    expect(await seal(await delivery({ userId: dave.userId, pinnedMasterKey: "whatever" }))).toEqual({
        identity: "none",
    });
});

test("a dehydrated device is told from others, and gets nothing although it is signed", async () => {
    const dehydrated = await charlie.addDehydratedDevice();
    await bot.query(CHARLIE);
    const { devices } = await bot.keysOf(CHARLIE);
    expect(devices).toHaveLength(2);
    expect(devices).toContainEqual({ deviceId: "PHONE", crossSigned: true, dehydrated: false });
    expect(devices).toContainEqual({ deviceId: dehydrated, crossSigned: true, dehydrated: true });
    expect(states(await seal(await delivery()))).toEqual({ PHONE: "sealed" });
});

test("a device without an Olm session is told from one that may not have the bundle", async () => {
    const erin = await Peer.join(server, "@erin:home", "ERIN");
    await bot.query(erin.userId);
    const pinnedMasterKey = (await bot.keysOf(erin.userId)).masterKey ?? "";
    expect(states(await seal(await delivery({ userId: erin.userId, pinnedMasterKey })))).toEqual({
        ERIN: "no_session",
    });
});

test("an encryption that fails for another reason is told apart, and the next one succeeds", async () => {
    vi.spyOn(Device.prototype, "encryptToDeviceEvent").mockRejectedValueOnce(new Error("the ratchet is gone"));
    expect(states(await seal(await delivery()))).toEqual({ PHONE: "error" });
    expect(states(await seal(await delivery()))).toEqual({ PHONE: "sealed" });
});

test("a changed identity is answered as changed, and nothing is encrypted to it", async () => {
    const pinned = await delivery();
    await charlie.resetIdentity();
    await bot.query(CHARLIE);
    const now = (await bot.keysOf(CHARLIE)).masterKey;
    expect(now).not.toBe(pinned.pinnedMasterKey);
    expect(await seal(pinned)).toEqual({ identity: "changed", masterKey: now });
});

test("a body from before the change is not given out after it", async () => {
    const pinned = await delivery();
    await seal(pinned);
    await charlie.resetIdentity();
    await bot.query(CHARLIE);
    expect(await seal(pinned)).toMatchObject({ identity: "changed" });
});

test.each(["v", "url", "key", "iv", "hashes"] as const)(
    "a file without %s is refused before anything is encrypted",
    async (field) => {
        const { [field]: _, ...file } = encrypt(Buffer.from("{}")).file;
        await expect(seal(await delivery({ file: file as EncryptedFile }))).rejects.toThrow();
        await expect(bot.crypto.ping()).resolves.toBeUndefined();
    },
);

test("many deliveries are one step: one commit, and each has an answer of its own", async () => {
    const commits: string[] = [];
    await bot.crypto.close();
    const counting = (inner: CryptoStore): CryptoStore => ({
        ...inner,
        atomically: (work) => {
            commits.push("commit");
            return inner.atomically(work);
        },
    });
    bot = new TestBot(await inThisThread(store.path, { wrap: counting }), server);
    const dave = await Peer.join(server, "@dave:home", "DAVE");
    await bot.query(dave.userId);
    await bot.outgoing.claim([dave.userId]);
    const daves = (await bot.keysOf(dave.userId)).masterKey ?? "";
    const deliveries = [
        await delivery({ deliveryId: "1" }),
        await delivery({ deliveryId: "2", userId: dave.userId, pinnedMasterKey: daves }),
        await delivery({ deliveryId: "3", userId: dave.userId, pinnedMasterKey: "of somebody else" }),
        await delivery({ deliveryId: "4", deviceIds: ["TABLET"] }),
    ];
    commits.length = 0;
    const answers = await bot.crypto.sealBundles(deliveries);
    expect(commits).toHaveLength(1);
    expect(answers.slice(0, 2).map(states)).toEqual([{ PHONE: "sealed" }, { DAVE: "sealed" }]);
    expect(answers.slice(2)).toEqual([
        { identity: "changed", masterKey: daves },
        { identity: "pinned", devices: [] },
    ]);
    expect(await bot.crypto.unsentDeliveries()).toEqual(["1", "2"]);
    await bot.crypto.deliveriesSent(["1", "2"]);
    expect(await bot.crypto.unsentDeliveries()).toEqual([]);
});

test("a user whose ID the machine refuses has no devices, and keeps nobody else from theirs", async () => {
    const refused = "@charlie:no server";
    const [of, none] = await bot.crypto.userKeys([CHARLIE, refused]);
    expect([of?.devices.map(({ deviceId }) => deviceId), none]).toEqual([["PHONE"], { masterKey: null, devices: [] }]);
    const charlies = await delivery();
    const [sealed, refusal] = await bot.crypto.sealBundles([
        charlies,
        { ...charlies, deliveryId: "delivery-2", userId: refused },
    ]);
    expect([sealed?.identity, refusal]).toEqual(["pinned", { identity: "none" }]);
});

test("more than fifty are sealed in steps, between which others have their turn; what one step kept is not made again", async () => {
    const pinnedMasterKey = (await bot.keysOf(CHARLIE)).masterKey ?? "";
    const deliveries: BundleDelivery[] = [];
    for (let number = 0; number < 120; number += 1)
        deliveries.push(await delivery({ deliveryId: `d${number}`, pinnedMasterKey }));
    const order: string[] = [];
    const sealing = bot.crypto.sealBundles(deliveries).then((sealed) => {
        order.push("sealed");
        return sealed;
    });
    await bot.crypto.ping();
    order.push("ping");
    const sealed = await sealing;
    expect(order).toEqual(["ping", "sealed"]);
    expect(sealed.map(states)).toEqual(deliveries.map(() => ({ PHONE: "sealed" })));
    expect(await bot.crypto.sealBundles(deliveries)).toEqual(sealed);
});

test("an identity that changes between two steps leaves nothing to be sent", async () => {
    for (let number = 0; number < 50; number += 1)
        await Peer.join(server, CHARLIE, `EXTRA${number}`, { crossSigned: false });
    await bot.query(CHARLIE);
    const pinned = await delivery();
    await charlie.resetIdentity();
    const request = await bot.crypto.keysQuery([CHARLIE]);
    const sealing = bot.crypto.sealBundles([pinned]);
    await bot.crypto.markSent(request, server.answer(BOT.userId, BOT.deviceId, request));
    expect(await sealing).toMatchObject([{ identity: "changed" }]);
});

async function seal(one: BundleDelivery): Promise<SealedDelivery> {
    const [sealed] = await bot.crypto.sealBundles([one]);
    if (sealed === undefined) throw new Error("no answer");
    return sealed;
}

async function giveSession(sender: Peer, session: MegolmSession, flags: object): Promise<void> {
    const content = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: ROOM,
        session_id: session.sessionId,
        session_key: session.sharedAt(0),
    };
    await sender.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, ...flags });
}

const someFile = encrypt(Buffer.from("{}")).file;

async function delivery(more: Partial<BundleDelivery> = {}): Promise<BundleDelivery> {
    const pinnedMasterKey = more.pinnedMasterKey ?? (await bot.keysOf(CHARLIE)).masterKey ?? "";
    return { deliveryId: "delivery-1", roomId: ROOM, userId: CHARLIE, file: someFile, ...more, pinnedMasterKey };
}

/** Source: Matrix v1.19, "Sending encrypted attachments". */
function encrypt(plain: Uint8Array): { file: EncryptedFile; ciphertext: Uint8Array } {
    const key = randomBytes(32);
    const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
    const ciphertext = createCipheriv("aes-256-ctr", key, iv).update(plain);
    const hash = createHash("sha256").update(ciphertext).digest();
    const jwk = {
        alg: "A256CTR",
        ext: true,
        k: key.toString("base64url"),
        key_ops: ["encrypt", "decrypt"],
        kty: "oct",
    } as const;
    const file = {
        v: "v2",
        url: "mxc://home/file",
        key: jwk,
        iv: unpadded(iv),
        hashes: { sha256: unpadded(hash) },
    } as const;
    return { file, ciphertext };
}

function send(sealed: SealedDelivery): void {
    for (const [deviceId, content] of Object.entries(contents(sealed))) {
        server.send(BOT.userId, "m.room.encrypted", { [CHARLIE]: { [deviceId]: content } });
    }
}

function states(sealed: SealedDelivery): Record<string, string> {
    return sealed.identity === "pinned"
        ? Object.fromEntries(sealed.devices.map((device) => [device.deviceId, device.state]))
        : {};
}

function contents(sealed: SealedDelivery): Record<string, object> {
    if (sealed.identity !== "pinned") return {};
    return Object.fromEntries(
        sealed.devices.flatMap((device) => (device.state === "sealed" ? [[device.deviceId, device.content]] : [])),
    );
}
