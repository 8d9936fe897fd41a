import { DecryptedToDeviceEvent } from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import { combineClaims, readClaim } from "../entries/flags.ts";
import type { SessionKey, SenderClaim } from "../entries/ready-entries.ts";
import { sessionName, type Claims } from "./feed.ts";

/** The largest event that federation carries; nothing honest is larger. Source: Matrix v1.19, "Size limits". */
export const MAX_EVENT_BYTES = 65_536;

const envelope = z.looseObject({ type: z.string().max(255), sender: z.string().max(255), content: z.looseObject({}) });

const roomKeyEvent = z.object({
    type: z.literal("m.room_key"),
    sender: z.string().max(255),
    content: z.looseObject({ room_id: z.string().max(255), session_id: z.string().max(255) }),
});

export interface SiftedEvents {
    /** What the machine is to hear: a JSON array, each event as it came. */
    readonly json: string;
    /** What has the shape and size of a to-device event. */
    readonly taken: readonly unknown[];
    readonly refused: number;
}

/**
 * Lets through what has the shape and size of a to-device event. Of what is not encrypted the machine hears only what
 * our own devices ask: of requests to verify us, refused keys and requests for keys it would keep a record each,
 * whoever sends them.
 */
export function siftToDevice(events: readonly unknown[], ownUser: string): SiftedEvents {
    const taken = events.flatMap((event) => {
        const { data } = envelope.safeParse(event);
        const json = data === undefined ? "" : JSON.stringify(event);
        if (data === undefined || Buffer.byteLength(json) > MAX_EVENT_BYTES) return [];
        const { type, sender } = data;
        return [
            { event, json, heard: type === "m.room.encrypted" || (type === "m.secret.request" && sender === ownUser) },
        ];
    });
    const heard = taken.filter((one) => one.heard).map(({ json }) => json);
    return {
        json: `[${heard.join(",")}]`,
        taken: taken.map(({ event }) => event),
        refused: events.length - taken.length,
    };
}

/**
 * What the decrypted `m.room_key` events say about their sessions. The session is named by the Olm sender's key, which
 * the machine checked, and not by anything in the content: the session ID there is anybody's word. The sending user is
 * the one that the Olm message itself names.
 * @param at when the batch was received; milliseconds since the epoch
 */
export function readClaims(processed: readonly object[], at: number): Claims {
    const claims = new Map<string, { key: SessionKey; heard: SenderClaim }>();
    for (const event of processed) {
        if (!(event instanceof DecryptedToDeviceEvent)) continue;
        const parsed = roomKeyEvent.safeParse(JSON.parse(event.rawEvent));
        if (!parsed.success) continue;
        const { content, sender } = parsed.data;
        const key = {
            roomId: content.room_id,
            sessionId: content.session_id,
            senderKey: event.encryptionInfo.senderCurve25519Key,
        };
        const name = sessionName(key);
        claims.set(name, {
            key,
            heard: { sender, at, claim: combineClaims(claims.get(name)?.heard.claim, readClaim(content)) },
        });
    }
    return claims;
}
