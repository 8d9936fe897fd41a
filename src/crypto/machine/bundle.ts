import type { RoomKeyBundle } from "../port.ts";
import type { Verdict } from "./flags.ts";

/** A session as a room key bundle lists it. Source: MSC4268, "Key bundle format". */
export interface BundleEntry {
    readonly algorithm: string;
    readonly room_id: string;
    readonly sender_claimed_keys: Readonly<Record<string, string>>;
    readonly sender_key: string;
    readonly session_id: string;
    readonly session_key: string;
}

/** A row of the ready entries. `entry` gives the UTF-8 JSON of its `BundleEntry`; it is asked only if the session is shared. */
export interface BundleRow {
    readonly roomId: string;
    readonly sessionId: string;
    readonly senderKey: string;
    readonly verdict: Verdict;
    readonly entry: () => Uint8Array;
}

const COMMA = Buffer.from(",");

/** The bundle's own field order and nothing else: no forwarding chain, no flag. */
export function bundleEntry(entry: BundleEntry): BundleEntry {
    const { algorithm, room_id, sender_claimed_keys, sender_key, session_id, session_key } = entry;
    return { algorithm, room_id, sender_claimed_keys, sender_key, session_id, session_key };
}

/**
 * The room key bundle (UTF-8 JSON): shareable sessions with their keys, a sender's no as `withheld`, unknown ones in neither list.
 * A session ID stands once: should two senders claim one, a no wins. The result owns its buffer, so that it can be transferred.
 * Source: MSC4268, "Key bundle format"; Matrix v1.19, `m.room_key.withheld`.
 */
export function buildBundle(rows: readonly BundleRow[]): RoomKeyBundle {
    const withheld = new Map(rows.filter((row) => row.verdict === "withheld").map((row) => [row.sessionId, row]));
    const listed = new Set(withheld.keys());
    const parts: Uint8Array[] = [Buffer.from('{"room_keys":[')];
    let shared = 0;
    for (const row of rows) {
        if (row.verdict !== "shareable" || listed.has(row.sessionId)) continue;
        listed.add(row.sessionId);
        if (shared++ > 0) parts.push(COMMA);
        parts.push(row.entry());
    }
    parts.push(Buffer.from(`],"withheld":${JSON.stringify([...withheld.values()].map(withheldRecord))}}`));
    return { json: join(parts), shared, withheld: withheld.size };
}

function withheldRecord(row: BundleRow): object {
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        code: "m.history_not_shared",
        reason: "The sender disabled sharing encrypted history.",
        room_id: row.roomId,
        sender_key: row.senderKey,
        session_id: row.sessionId,
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
