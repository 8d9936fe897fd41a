import * as answers from "./answers.ts";
import type { CallOptions } from "./api.ts";
import type { Client } from "./client.ts";
import { path } from "./path.ts";

/**
 * The OlmMachine's endpoints for what is ours under `/_matrix/client/v3/keys/`: bodies and answers as JSON text,
 * untouched. Safe to repeat. An answer that the machine could not read is the homeserver's error, and not one of
 * whoever hands it on.
 */
export async function postKeys(client: Client, endpoint: answers.KeysEndpoint, body: string): Promise<string> {
    const operation = `keys_${endpoint.replace("/", "_")}`;
    const answer = await client.call({ operation, method: "POST", path: `/_matrix/client/v3/keys/${endpoint}`, body });
    answers.read(operation, answers.keys[endpoint], answer);
    return answer.text;
}

/** Source: Matrix v1.19, `PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}`. */
export async function sendToDevice(
    client: Client,
    eventType: string,
    txnId: string,
    body: string,
    options: CallOptions = {},
): Promise<string> {
    const answer = await client.call({
        operation: "send_to_device",
        method: "PUT",
        path: path`/_matrix/client/v3/sendToDevice/${eventType}/${txnId}`,
        body,
        ...options,
    });
    return answer.text;
}
