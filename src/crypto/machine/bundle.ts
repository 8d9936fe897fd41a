import type { RoomKeyBundle } from "../port.ts";

/** A session as a room key bundle lists it. Source: MSC4268, "Key bundle format". */
export interface BundleEntry {
    readonly algorithm: string;
    readonly room_id: string;
    readonly sender_claimed_keys: Readonly<Record<string, string>>;
    readonly sender_key: string;
    readonly session_id: string;
    readonly session_key: string;
}

/** A session that its sender closed. */
export interface WithheldSession {
    readonly roomId: string;
    readonly sessionId: string;
    readonly senderKey: string;
}

/** A session that may be shared. `entry` gives the UTF-8 JSON of its `BundleEntry`; it is asked only if the session is listed. */
export interface ShareableSession {
    readonly sessionId: string;
    readonly entry: () => Uint8Array;
}

const COMMA = Buffer.from(",");

/** The bundle's own field order and nothing else: no forwarding chain, no flag. */
export function bundleEntry(entry: BundleEntry): BundleEntry {
    const { algorithm, room_id, sender_claimed_keys, sender_key, session_id, session_key } = entry;
    return { algorithm, room_id, sender_claimed_keys, sender_key, session_id, session_key };
}

/**
 * The room key bundle (UTF-8 JSON): shareable sessions with their keys, a sender's no as `withheld`.
 * A session ID stands once: should two senders claim one, a no wins. The result owns its buffer, so that it can be transferred.
 * Source: MSC4268, "Key bundle format"; Matrix v1.19, `m.room_key.withheld`.
 */
export function buildBundle(withheld: Iterable<WithheldSession>, shareable: Iterable<ShareableSession>): RoomKeyBundle {
    const closed = new Map([...withheld].map((session) => [session.sessionId, session]));
    const listed = new Set(closed.keys());
    const parts: Uint8Array[] = [Buffer.from('{"room_keys":[')];
    let shared = 0;
    for (const { sessionId, entry } of shareable) {
        if (listed.has(sessionId)) continue;
        listed.add(sessionId);
        if (shared++ > 0) parts.push(COMMA);
        parts.push(entry());
    }
    parts.push(Buffer.from(`],"withheld":${JSON.stringify([...closed.values()].map(withheldRecord))}}`));
    return { json: join(parts), shared, withheld: closed.size };
}

function withheldRecord(session: WithheldSession): object {
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        code: "m.history_not_shared",
        reason: "The sender disabled sharing encrypted history.",
        room_id: session.roomId,
        sender_key: session.senderKey,
        session_id: session.sessionId,
    };
}

function join(parts: readonly Uint8Array[]): Uint8Array {
    const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let offset = 0;
    for (const part of parts) {
        whole.set(part, offset);
        offset += part.length;
    }
    return whole;
}
