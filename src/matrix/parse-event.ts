import { z } from "zod";
import type { RoomEvent, StrippedEvent } from "./events.ts";
import { identifier, isIdentifier, jsonObject, withoutDepths } from "./json.ts";

const stateKey = z.string().refine((key) => key === "" || isIdentifier(key));

/**
 * A content that is no object counts as empty: readers then find every key missing, which is what a redaction leaves,
 * too.
 */
const content = jsonObject.catch(() => ({})).transform(withoutDepths);

const roomEvent = z.object({
    type: identifier,
    event_id: identifier,
    sender: identifier,
    origin_server_ts: z.int().nonnegative().catch(0),
    state_key: stateKey.optional(),
    content,
    unsigned: z
        .object({
            replaces_state: identifier.optional().catch(undefined),
            prev_content: jsonObject.optional().catch(undefined),
            prev_sender: identifier.optional().catch(undefined),
        })
        .optional()
        .catch(undefined),
});

const strippedEvent = z.object({ type: identifier, sender: identifier, state_key: stateKey, content });

/**
 * A room event as `/sync`, `/event` and `/state` give it; undefined if its envelope is malformed (a missing or
 * oversized identifier). Of the content nothing is checked but that it is an object; values nested without end are left
 * out of it. Source: Matrix v1.19, "Room event format"; "Size limits" (255 bytes).
 */
export function parseRoomEvent(raw: unknown): RoomEvent | undefined {
    const { success, data } = roomEvent.safeParse(raw);
    if (!success) return undefined;
    const { replaces_state: replacesState, prev_content: prevContent, prev_sender: prevSender } = data.unsigned ?? {};
    return {
        type: data.type,
        eventId: data.event_id,
        sender: data.sender,
        originServerTs: data.origin_server_ts,
        content: data.content,
        ...(data.state_key === undefined ? {} : { stateKey: data.state_key }),
        ...(replacesState === undefined ? {} : { replacesState }),
        ...(prevContent === undefined || prevSender === undefined
            ? {}
            : { replaced: { content: withoutDepths(prevContent), sender: prevSender } }),
    };
}

/** An event of an invite's stripped state; undefined if it is malformed. Source: Matrix v1.19, "Stripped state". */
export function parseStrippedEvent(raw: unknown): StrippedEvent | undefined {
    const { success, data } = strippedEvent.safeParse(raw);
    return success
        ? { type: data.type, sender: data.sender, stateKey: data.state_key, content: data.content }
        : undefined;
}
