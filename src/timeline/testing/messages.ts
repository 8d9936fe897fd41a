import { generateKeyPairSync, sign } from "node:crypto";
import type { RoomEvent } from "../../matrix/index.ts";

/** A session ID that is told from others by its number. */
export function sessionId(session: number): string {
    return String(session).padStart(43, "0");
}

/** The envelope of a Megolm message with this index; the ciphertext is none. @param index below 128 */
export function message(session: number, index: number, at: number, sender = "@alice:home"): RoomEvent {
    const ciphertext = Buffer.from([3, 8, index, ...Buffer.alloc(32, 0x12)]).toString("base64");
    return {
        type: "m.room.encrypted",
        eventId: `$${session}-${index}-${sender}`,
        sender,
        originServerTs: at,
        content: { algorithm: "m.megolm.v1.aes-sha2", session_id: sessionId(session), ciphertext },
    };
}

/** A session whose messages bear its signature. */
export function signingSession() {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const id = publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64").replace(/=+$/, "");
    return {
        id,
        /** @param more how it differs from what its sender sent */
        message: (
            index: number,
            at: number,
            sender = "@alice:home",
            more: { readonly ciphertext?: string } = {},
        ): RoomEvent => {
            const body = Buffer.from([3, 8, index, ...Buffer.alloc(32, 0x12)]);
            const ciphertext = Buffer.concat([body, sign(null, body, privateKey)])
                .toString("base64")
                .replace(/=+$/, "");
            const content = { algorithm: "m.megolm.v1.aes-sha2", session_id: id, ciphertext, ...more };
            return {
                type: "m.room.encrypted",
                eventId: `$${id}-${index}-${sender}`,
                sender,
                originServerTs: at,
                content,
            };
        },
    };
}
