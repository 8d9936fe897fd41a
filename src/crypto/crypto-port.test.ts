import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CryptoPort } from "./port.ts";
import { openBundle } from "./machine/testing/bundle.ts";
import { BOT, inTheWorker, inThisThread, temporaryStore, TestBot } from "./machine/testing/bot.ts";
import { KeyServer } from "./machine/testing/key-server.ts";
import { MegolmSession } from "./machine/testing/megolm.ts";
import { Peer } from "./machine/testing/peer.ts";

const ROOM = "!room:home";

describe.each([
    ["in this thread", inThisThread],
    ["through the worker", inTheWorker],
])("the crypto port %s", (_, open) => {
    let store: ReturnType<typeof temporaryStore>;
    let server: KeyServer;
    let bot: TestBot;
    let crypto: CryptoPort;

    beforeEach(async () => {
        store = temporaryStore();
        server = new KeyServer();
        crypto = await open(store.path);
        bot = new TestBot(crypto, server);
    });

    afterEach(async () => {
        await crypto.close();
        store[Symbol.dispose]();
    });

    async function reopen(): Promise<void> {
        await crypto.close();
        crypto = await open(store.path);
        bot = new TestBot(crypto, server);
    }

    test("a new store is fresh until its keys are published, and then keeps its account", async () => {
        const before = await crypto.account();
        expect(before).toMatchObject({ ...BOT, masterKey: null, canSign: false, crossSigned: false, fresh: true });
        await bot.publish();
        const after = await crypto.account();
        expect(after).toMatchObject({ curve25519: before.curve25519, canSign: true, crossSigned: true, fresh: false });
        expect(after.masterKey).toMatch(/^[A-Za-z0-9+/]{43}$/);
        await reopen();
        expect(await crypto.account()).toEqual(after);
    });

    test("an identity that is not published yet is given out again, also after a restart and with reset", async () => {
        await bot.outgoing.flush();
        const first = await crypto.createIdentity({ reset: false });
        await reopen();
        expect((await crypto.createIdentity({ reset: true })).signingKeys).toBe(first.signingKeys);
        server.uploadSigningKeys(BOT.userId, first.signingKeys);
        await bot.query(BOT.userId);
        expect((await crypto.createIdentity({ reset: false })).signingKeys).toBe(first.signingKeys);
        expect((await crypto.createIdentity({ reset: true })).signingKeys).not.toBe(first.signingKeys);
    });

    test("a reset that was cut short and undone by the old keys still makes a new identity the next time", async () => {
        await bot.publish();
        const [old, secrets] = [(await crypto.account()).masterKey ?? "", await crypto.exportIdentity()];
        if (secrets === undefined) throw new Error("no identity to go back to");
        await crypto.createIdentity({ reset: true });
        await reopen();
        await bot.query(BOT.userId);
        expect(await crypto.importIdentity(secrets)).toBe(true);
        expect((await crypto.createIdentity({ reset: true })).signingKeys).not.toContain(old);
    });

    test("an identity on an empty server comes with the device keys that have to be sent first", async () => {
        const uploads = await crypto.createIdentity({ reset: false });
        expect(uploads.keysUpload?.kind).toBe("keys_upload");
        if (uploads.keysUpload !== undefined) await bot.outgoing.deliver(uploads.keysUpload);
        expect((await crypto.account()).fresh).toBe(false);
    });

    test("a new device takes the identity from secret storage and signs itself with it", async () => {
        await bot.publish();
        const secrets = await crypto.exportIdentity();
        expect(secrets).toBeDefined();
        if (secrets === undefined) return;
        using other = temporaryStore();
        const device = await open(other.path, { deviceId: "SECOND" });
        const send = async () => {
            for (const request of await device.outgoing()) {
                await device.markSent(request, server.answer(BOT.userId, "SECOND", request));
            }
        };
        await send();
        expect(await device.importIdentity({ ...secrets, master: secrets.selfSigning })).toBe(false);
        expect(await device.importIdentity(secrets)).toBe(true);
        await send();
        const query = await device.keysQuery([BOT.userId]);
        await device.markSent(query, server.answer(BOT.userId, "SECOND", query));
        expect(await device.account()).toMatchObject({ canSign: true, crossSigned: true });
        expect((await device.outgoing()).map((request) => request.kind)).not.toContain("signature_upload");
        await device.close();
    });

    test("secrets that do not fit the published identity, or are no keys, are answered with false", async () => {
        await bot.publish();
        const junk = Buffer.alloc(32, 1).toString("base64").slice(0, 43);
        expect(await crypto.importIdentity({ master: junk, selfSigning: junk, userSigning: junk })).toBe(false);
        expect(await crypto.importIdentity({ master: "!", selfSigning: "", userSigning: "x" })).toBe(false);
        expect((await crypto.account()).crossSigned).toBe(true);
    });

    test("sessions are received, counted, bundled and exported", async () => {
        await bot.publish();
        const alice = await Peer.join(server, "@alice:home", "ALICE");
        await alice.learn(BOT.userId);
        const session = new MegolmSession();
        const content = {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: ROOM,
            session_id: session.sessionId,
            session_key: session.sharedAt(0),
        };
        await alice.tell(BOT.userId, BOT.deviceId, "m.room_key", { ...content, shared_history: true });
        expect(await bot.receive()).toEqual([ROOM]);
        expect(await crypto.holdings(ROOM)).toEqual({ shareable: 1, notShareable: 0, unknown: 0 });
        const { content: bundle } = await openBundle(crypto, ROOM);
        const entry = {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: ROOM,
            sender_claimed_keys: { ed25519: alice.machine.identityKeys.ed25519.toBase64() },
            sender_key: alice.curve25519,
            session_id: session.sessionId,
            session_key: session.exportedAt(0),
        };
        expect(bundle).toEqual({ room_keys: [entry], withheld: [] });
        const sessions = [{ ...entry, forwarding_curve25519_key_chain: [], shared_history: true }];
        expect(await crypto.exportRoomKeys(ROOM)).toEqual({ sessions, next: undefined });
    });

    test("an answer that is no JSON is refused, and the port works on", async () => {
        const [request] = await crypto.outgoing();
        await expect(
            crypto.markSent(request ?? { id: "", kind: "keys_upload" }, "<html>Bad gateway</html>"),
        ).rejects.toThrow();
        await bot.publish();
        expect((await crypto.account()).crossSigned).toBe(true);
    });

    test("an encryption without a prepared session is an error and no panic", async () => {
        await expect(crypto.encryptRoomEvent(ROOM, "m.room.message", {})).rejects.toThrow("shareRoomKey");
        await expect(crypto.ping()).resolves.toBeUndefined();
    });

    test("after close nothing is answered", async () => {
        await crypto.close();
        await expect(crypto.ping()).rejects.toThrow();
    });
});
