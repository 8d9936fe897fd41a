import type { Client } from "./client.ts";
import { MegolmSession } from "./megolm-session.ts";
import type { DeviceOfUser } from "./operations.ts";

const algorithm = "m.megolm.v1.aes-sha2";

/**
 * Messages of a session whose `m.room_key` says what the test wants: the flag in the specification's spelling, a forged
 * one, none. The Olm encryption and the device are those of a real client.
 */
export class MegolmSender {
    readonly session = new MegolmSession();
    readonly #client: Client;
    readonly #roomId: string;

    constructor(client: Client, roomId: string) {
        this.#client = client;
        this.#roomId = roomId;
    }

    /** Sends the session's key to these devices, `flags` merged into the content of the `m.room_key`. */
    async shareKey(devices: readonly DeviceOfUser[], flags: object): Promise<void> {
        const key = {
            algorithm,
            room_id: this.#roomId,
            session_id: this.session.id,
            session_key: this.session.sharedKey,
        };
        await this.#client.do("sendToDevice", devices, "m.room_key", { ...key, ...flags });
    }

    async send(body: string): Promise<string> {
        const content = { msgtype: "m.text", body };
        const plaintext = JSON.stringify({ type: "m.room.message", content, room_id: this.#roomId });
        const { curve25519 } = await this.#client.do("ownKeys");
        return await this.#client.do("sendRaw", this.#roomId, "m.room.encrypted", {
            algorithm,
            sender_key: curve25519,
            device_id: this.#client.deviceId,
            session_id: this.session.id,
            ciphertext: this.session.encrypt(plaintext),
        });
    }
}
