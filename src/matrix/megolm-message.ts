import { createPublicKey, verify } from "node:crypto";
import { z } from "zod";

/** Which session encrypted a room event, and where in it the event stands: as much as can be read without the key. */
export interface MegolmMessage {
    readonly sessionId: string;
    /** The ratchet's index, below 2^32: a session never uses one twice for two messages. */
    readonly messageIndex: number;
}

const content = z.object({
    algorithm: z.literal("m.megolm.v1.aes-sha2"),
    session_id: z.string().regex(/^[A-Za-z0-9+/]{43}$/),
    ciphertext: z.string().min(12),
});

/** In base64: the version, the field's tag, and an index of up to five bytes. */
const headLength = 12;
const version = 3;
const indexTag = 0x08;

/**
 * Reads the content of an `m.room.encrypted` event; undefined if it is no Megolm message, as after a redaction.
 * Trust limit: whoever may send in the room may write any session and any index.
 * Source: Matrix v1.19, `m.room.encrypted`; the Megolm specification, "Message format".
 */
export function parseMegolmMessage(event: Readonly<Record<string, unknown>>): MegolmMessage | undefined {
    const { data } = content.safeParse(event);
    if (data === undefined) return undefined;
    const head = Buffer.from(data.ciphertext.slice(0, headLength), "base64");
    if (head[0] !== version || head[1] !== indexTag) return undefined;
    const messageIndex = readVarint(head.subarray(2));
    return messageIndex === undefined ? undefined : { sessionId: data.session_id, messageIndex };
}

/** In bytes, at the end of the message. */
const signatureLength = 64;
/** What stands before a raw Ed25519 key in its DER form. Source: RFC 8410. */
const ed25519Der = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Whether the message bears the signature of the session that it names, whose ID is its public key: whoever has not
 * made the session can only repeat such a message, not make one. Takes about 0.1 ms. Source: the Megolm specification,
 * "Message format".
 */
export function isSignedBySession(event: Readonly<Record<string, unknown>>): boolean {
    const { data } = content.safeParse(event);
    if (data === undefined) return false;
    const message = Buffer.from(data.ciphertext, "base64");
    const end = message.length - signatureLength;
    if (end <= 0) return false;
    const key = createPublicKey({
        key: Buffer.concat([ed25519Der, Buffer.from(data.session_id, "base64")]),
        format: "der",
        type: "spki",
    });
    return verify(null, message.subarray(0, end), key, message.subarray(end));
}

/** A number of at most 32 bits, seven a byte, the lowest first. */
function readVarint(bytes: Uint8Array): number | undefined {
    let value = 0;
    for (const [place, byte] of bytes.entries()) {
        value += (byte & 0x7f) * 2 ** (7 * place);
        if (byte < 0x80) return value <= 0xffff_ffff ? value : undefined;
    }
    return undefined;
}
