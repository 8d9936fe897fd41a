import { DecryptedToDeviceEvent } from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import { sessionName, type Claims } from "./feed.ts";
import { combineClaims, readClaim } from "./flags.ts";
import type { SessionKey, Word } from "./ready-entries.ts";

/** The largest event that federation carries; nothing honest is larger. Source: Matrix v1.19, "Size limits". */
export const MAX_EVENT_BYTES = 65_536;

const envelope = z.looseObject({ type: z.string().max(255), sender: z.string().max(255), content: z.looseObject({}) });

const roomKeyEvent = z.object({
    type: z.literal("m.room_key"),
    sender: z.string().max(255),
    content: z.looseObject({ room_id: z.string().max(255), session_id: z.string().max(255) }),
});

export interface SiftedEvents {
    /** A JSON array, each event as it came. */
    readonly json: string;
    readonly taken: number;
    readonly refused: number;
}

/** Lets through what has the shape and size of a to-device event; the rest never reaches the machine. */
export function siftToDevice(events: readonly unknown[]): SiftedEvents {
    const texts = events
        .filter((event) => envelope.safeParse(event).success)
        .map((event) => JSON.stringify(event))
        .filter((text) => Buffer.byteLength(text) <= MAX_EVENT_BYTES);
    return { json: `[${texts.join(",")}]`, taken: texts.length, refused: events.length - texts.length };
}

/**
 * What the decrypted `m.room_key` events say about their sessions. The session is named by the Olm sender's key, which the machine checked,
 * and not by anything in the content: the session ID there is anybody's word. The sending user is the one that the Olm message itself names.
 * @param at when the batch was received; milliseconds since the epoch
 */
export function readClaims(processed: readonly object[], at: number): Claims {
    const claims = new Map<string, { key: SessionKey; word: Word }>();
    for (const event of processed) {
        if (!(event instanceof DecryptedToDeviceEvent)) continue;
        const parsed = roomKeyEvent.safeParse(JSON.parse(event.rawEvent));
        if (!parsed.success) continue;
        const { content, sender } = parsed.data;
        const key = { roomId: content.room_id, sessionId: content.session_id, senderKey: event.encryptionInfo.senderCurve25519Key };
        const name = sessionName(key);
        claims.set(name, { key, word: { sender, at, claim: combineClaims(claims.get(name)?.word.claim, readClaim(content)) } });
    }
    return claims;
}
