import * as answers from "./answers.ts";
import type { MessagesOptions, MessagesPage } from "./api.ts";
import type { Client } from "./client.ts";
import { path } from "./path.ts";

/**
 * One page of a room's events, newest first, one attempt. Source: Matrix v1.19, `GET
 * /_matrix/client/v3/rooms/{roomId}/messages`.
 */
export async function messages(
    client: Client,
    roomId: string,
    { from, to, limit, filter, signal }: MessagesOptions,
): Promise<MessagesPage> {
    const operation = "messages";
    const query = new URLSearchParams({ dir: "b", limit: String(limit), filter });
    if (from !== undefined) query.set("from", from);
    if (to !== undefined) query.set("to", to);
    const answer = await client.call({
        operation,
        method: "GET",
        path: path`/_matrix/client/v3/rooms/${roomId}/messages`,
        query,
        signal,
        attempts: 1,
    });
    const { chunk, end } = answers.read(operation, answers.messages, answer);
    return { events: chunk, end };
}
