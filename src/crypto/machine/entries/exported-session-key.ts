/**
 * The Megolm session sharing format as an export carries it: one version byte (1), the ratchet's index (4 bytes,
 * big-endian), the ratchet (128 bytes), the Ed25519 public key (32 bytes). Source: Matrix v1.19, olm-megolm, "Session
 * export format".
 */
const VERSION = 1;
const LENGTH = 1 + 4 + 128 + 32;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

export interface ExportedSessionKey {
    readonly firstIndex: number;
    /** Unpadded base64 of the session's Ed25519 key: the only session ID that this key can have. */
    readonly sessionId: string;
}

/** Reads what an exported session key says of itself; undefined if it is not one. */
export function readSessionKey(sessionKey: string): ExportedSessionKey | undefined {
    if (sessionKey.length > 2 * LENGTH || !BASE64.test(sessionKey)) return undefined;
    const bytes = Buffer.from(sessionKey, "base64");
    if (bytes.length !== LENGTH || bytes[0] !== VERSION) return undefined;
    return { firstIndex: bytes.readUInt32BE(1), sessionId: unpadded(bytes.subarray(-32)) };
}

export function unpadded(bytes: Uint8Array): string {
    return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}
