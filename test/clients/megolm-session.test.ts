import {
    DecryptionSettings,
    DeviceId,
    initAsync,
    OlmMachine,
    RoomId,
    TrustRequirement,
    UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { expect, test } from "vitest";
import { MegolmSession } from "./megolm-session.ts";

const roomId = "!room:backscroll.test";

test("the OlmMachine decrypts what our session encrypted, across a rehash of the third part", async () => {
    await initAsync();
    const session = new MegolmSession();
    const machine = await OlmMachine.initialize(new UserId("@charlie:backscroll.test"), new DeviceId("CHARLIE"));
    const key = {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: roomId,
        sender_key: machine.identityKeys.curve25519.toBase64(),
        session_id: session.id,
        session_key: session.exportedKey,
        sender_claimed_keys: { ed25519: machine.identityKeys.ed25519.toBase64() },
        forwarding_curve25519_key_chain: [],
    };
    await machine.importExportedRoomKeys(JSON.stringify([key]), () => {});

    const ciphertexts = Array.from({ length: 300 }, (_, index) =>
        session.encrypt(JSON.stringify({ type: "m.room.message", content: { body: `${index}` }, room_id: roomId })),
    );
    for (const index of [0, 1, 255, 256, 299]) {
        const event = {
            type: "m.room.encrypted",
            event_id: `$${index}`,
            room_id: roomId,
            sender: "@alice:backscroll.test",
            origin_server_ts: 1,
            content: {
                algorithm: key.algorithm,
                session_id: session.id,
                sender_key: key.sender_key,
                device_id: "A",
                ciphertext: ciphertexts[index],
            },
        };
        const settings = new DecryptionSettings(TrustRequirement.Untrusted);
        const decrypted = await machine.decryptRoomEvent(JSON.stringify(event), new RoomId(roomId), settings);
        expect(JSON.parse(decrypted.event)).toMatchObject({ content: { body: `${index}` } });
    }
});
