import { z } from "zod";
import { HomeserverError } from "./errors.ts";
import type { Answer } from "./client.ts";

// What the homeserver answers, as far as we read it. Bounds: Matrix v1.19, appendix "Size limits", and common sense.
const identifier = z.string().min(1).max(255);

export const versions = z.object({ versions: z.array(z.string().max(100)).min(1).max(1000) });
export const login = z.object({
    user_id: identifier,
    access_token: z.string().min(1).max(65_536),
    device_id: identifier,
});
export const whoami = z.object({ user_id: identifier, device_id: identifier.optional() });
export const eventId = z.object({ event_id: identifier });
export const roomId = z.object({ room_id: identifier });
export const contentUri = z.object({ content_uri: z.string().max(1024) });
export const mediaConfig = z.object({ "m.upload.size": z.number().int().positive().optional().catch(undefined) });
export const events = z.array(z.unknown());
export const messages = z.object({ chunk: events, end: z.string().min(1).max(65_536).optional() });
/** A state event in full, told from a bare content: a server that does not know `format=event` answers the latter. */
export const memberEvent = z.looseObject({
    event_id: identifier,
    sender: identifier,
    type: z.literal("m.room.member"),
    content: z.unknown(),
});
/** As much of our own homeserver's answers under `/keys/` as has to be right for the OlmMachine to read them. */
export const keys: Readonly<Record<KeysEndpoint, z.ZodType>> = {
    upload: z.looseObject({ one_time_key_counts: z.record(z.string(), z.number().int().nonnegative()) }),
    "signatures/upload": z.looseObject({}),
};
export type KeysEndpoint = "upload" | "signatures/upload";
export const object = z.record(z.string(), z.unknown());

/** @throws HomeserverError `malformed` */
export function read<T extends z.ZodType>(operation: string, schema: T, answer: Answer): z.infer<T> {
    const parsed = schema.safeParse(answer.json);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new HomeserverError(operation, {
        kind: "malformed",
        detail: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "unexpected"}`,
    });
}
