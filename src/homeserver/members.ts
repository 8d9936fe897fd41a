import * as answers from "./answers.ts";
import type { Client } from "./client.ts";
import { path } from "./path.ts";
import { roomState } from "./rooms.ts";

const type = "m.room.member";

/**
 * The member event as it stands on the server now, with its ID and sender; undefined if the whole state has none.
 * `format=event` is in the specification since v1.16 and in Synapse since long before; other servers answer the bare
 * content: then the whole state is read.
 * @throws HomeserverError also for a 404: who was invited once has a member event for ever, so a server that has none
 * knows less than we do
 */
export async function memberEvent(client: Client, roomId: string, userId: string): Promise<unknown> {
    const { json } = await client.call({
        operation: "member_event",
        method: "GET",
        path: path`/_matrix/client/v3/rooms/${roomId}/state/${type}/${userId}`,
        query: new URLSearchParams({ format: "event" }),
        attempts: 1,
    });
    return answers.memberEvent.safeParse(json).success ? json : await fromWholeState(client, roomId, userId);
}

async function fromWholeState(client: Client, roomId: string, userId: string): Promise<unknown> {
    const state = await roomState(client, roomId);
    return state.find((event) => {
        const parsed = answers.memberEvent.safeParse(event);
        return parsed.success && parsed.data["state_key"] === userId;
    });
}

/**
 * Writes another user's membership, one attempt; answers the event's ID. Source: Matrix v1.19, `PUT
 * /rooms/{roomId}/state/...`.
 */
export async function putMember(client: Client, roomId: string, userId: string, content: object): Promise<string> {
    const operation = "put_member";
    const answer = await client.call({
        operation,
        // A homeserver counts invites by room, by inviter and by invitee, and does not say which were too many.
        limit: `${operation} ${roomId} ${userId}`,
        method: "PUT",
        path: path`/_matrix/client/v3/rooms/${roomId}/state/${type}/${userId}`,
        body: JSON.stringify(content),
        attempts: 1,
    });
    return answers.read(operation, answers.eventId, answer).event_id;
}
