import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { MegolmSession } from "../src/crypto/machine/testing/megolm.ts";
import { unpadded } from "../src/crypto/machine/entries/exported-session-key.ts";

export const room = "!bench:home";
/** New room keys that come over Olm, whatever the size of the store. */
export const received = 500;
/** Devices that the sessions come from. */
const senders = 200;

/** Writes so many sessions of one room, as entries of a key export, one JSON object a line. */
export async function writeSessions(path: string, count: number): Promise<void> {
    const file = createWriteStream(path);
    for (const entry of newSessions(room, count))
        if (!file.write(`${JSON.stringify(entry)}\n`)) await once(file, "drain");
    file.end();
    await once(file, "close");
}

/** So many sessions of a room that may be shared, as entries of a key export. */
export function* newSessions(roomId: string, count: number): Generator<object> {
    const devices = Array.from({ length: senders }, () => ({
        curve25519: unpadded(randomBytes(32)),
        ed25519: new MegolmSession().sessionId,
    }));
    for (let n = 0; n < count; n++) {
        const session = new MegolmSession();
        const device = devices[n % senders];
        yield {
            algorithm: "m.megolm.v1.aes-sha2",
            room_id: roomId,
            sender_key: device?.curve25519,
            session_id: session.sessionId,
            session_key: session.exportedAt(0),
            sender_claimed_keys: { ed25519: device?.ed25519 },
            forwarding_curve25519_key_chain: [],
            "org.matrix.msc3061.shared_history": true,
        };
    }
}
