import * as answers from "./answers.ts";
import type { Client } from "./client.ts";
import { path } from "./path.ts";

/** A join over federation may take minutes. */
const joinTimeoutMs = 180_000;
const stateMaxBytes = 512 * 1024 * 1024;

/** Answers the room's ID. */
export async function createRoom(client: Client, content: object): Promise<string> {
    const operation = "create_room";
    const answer = await client.call({
        operation,
        method: "POST",
        path: path`/_matrix/client/v3/createRoom`,
        body: JSON.stringify(content),
        timeoutMs: joinTimeoutMs,
        attempts: 1,
    });
    return answers.read(operation, answers.roomId, answer).room_id;
}

/**
 * One attempt. Source: Matrix v1.19, `POST /_matrix/client/v3/join/{roomIdOrAlias}`; `server_name` is what servers
 * before 1.12 read.
 */
export async function join(client: Client, roomId: string, via: readonly string[]): Promise<void> {
    const query = new URLSearchParams(
        via.flatMap((server): [string, string][] => [
            ["via", server],
            ["server_name", server],
        ]),
    );
    await client.call({
        operation: "join",
        limit: `join ${roomId}`,
        method: "POST",
        path: path`/_matrix/client/v3/join/${roomId}`,
        query,
        body: "{}",
        timeoutMs: joinTimeoutMs,
        attempts: 1,
    });
}

/** Leaves a room, or rejects an invite to it. One attempt. */
export async function leave(client: Client, roomId: string, reason: string): Promise<void> {
    await client.call({
        operation: "leave",
        limit: `leave ${roomId}`,
        method: "POST",
        path: path`/_matrix/client/v3/rooms/${roomId}/leave`,
        body: JSON.stringify({ reason }),
        timeoutMs: joinTimeoutMs,
        attempts: 1,
    });
}

export async function roomState(client: Client, roomId: string): Promise<readonly unknown[]> {
    const operation = "room_state";
    const answer = await client.call({
        operation,
        method: "GET",
        path: path`/_matrix/client/v3/rooms/${roomId}/state`,
        maxBytes: stateMaxBytes,
    });
    return answers.read(operation, answers.events, answer);
}

export async function event(client: Client, roomId: string, eventId: string): Promise<unknown> {
    const answer = await client.call({
        operation: "event",
        method: "GET",
        path: path`/_matrix/client/v3/rooms/${roomId}/event/${eventId}`,
    });
    return answer.json;
}

/** Answers the event's ID. The same `txnId` makes it safe to repeat. */
export async function sendEvent(
    client: Client,
    roomId: string,
    eventType: string,
    txnId: string,
    content: object,
): Promise<string> {
    const operation = "send_event";
    const answer = await client.call({
        operation,
        method: "PUT",
        path: path`/_matrix/client/v3/rooms/${roomId}/send/${eventType}/${txnId}`,
        body: JSON.stringify(content),
    });
    return answers.read(operation, answers.eventId, answer).event_id;
}
