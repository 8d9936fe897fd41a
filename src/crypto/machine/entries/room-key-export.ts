import { z } from "zod";
import { readSessionKey } from "./exported-session-key.ts";
import { readExportFlag } from "./flags.ts";

/** An entry that the machine takes: one flag, under the one name that it reads and nothing else collides with. */
export interface RoomKeyExport {
    readonly algorithm: "m.megolm.v1.aes-sha2";
    readonly room_id: string;
    readonly sender_key: string;
    readonly session_id: string;
    readonly session_key: string;
    readonly sender_claimed_keys: { readonly ed25519: string };
    readonly forwarding_curve25519_key_chain: readonly string[];
    readonly "org.matrix.msc3061.shared_history"?: boolean;
}

export type Normalised = { readonly entry: RoomKeyExport } | { readonly refused: string };

const publicKey = z.string().regex(/^[A-Za-z0-9+/]{43}$/, "is not an unpadded base64 key of 32 bytes");

const schema = z.object({
    algorithm: z.literal("m.megolm.v1.aes-sha2"),
    room_id: z.string().min(2).max(255).startsWith("!"),
    sender_key: publicKey,
    session_id: publicKey,
    session_key: z.string().max(400),
    sender_claimed_keys: z.object({ ed25519: publicKey }),
    forwarding_curve25519_key_chain: z.array(publicKey).max(20).default([]),
});

/**
 * Puts an entry of a key export right for the machine, or says why it cannot be taken: the fields are checked and
 * bounded, the session ID is the one that the key itself has, and the flag stands under one name (the machine loses
 * entries that have two). Source: Matrix v1.19, "Key exports".
 */
export function normaliseRoomKey(input: unknown): Normalised {
    const parsed = schema.safeParse(input);
    if (!parsed.success) return { refused: whatIsWrong(parsed.error) };
    const key = readSessionKey(parsed.data.session_key);
    if (key === undefined) return { refused: "session_key is not an exported Megolm session" };
    if (key.sessionId !== parsed.data.session_id) return { refused: "session_id is not the one of session_key" };
    const flag = typeof input === "object" && input !== null ? readExportFlag(input) : undefined;
    return { entry: flag === undefined ? parsed.data : { ...parsed.data, "org.matrix.msc3061.shared_history": flag } };
}

/** The places and rules that were broken, never the values: they may be keys. */
function whatIsWrong(error: z.ZodError): string {
    const [issue] = error.issues;
    if (issue === undefined) return "not a room key";
    const place = issue.path.map(String).join(".");
    return place === "" ? "not an object" : `${place}: ${issue.code}`;
}
