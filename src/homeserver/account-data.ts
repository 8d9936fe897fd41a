import * as answers from "./answers.ts";
import type { Client } from "./client.ts";
import { problemOf } from "./errors.ts";
import { path } from "./path.ts";

/** Global account data; undefined if there is none of this type. Source: Matrix v1.19, "Client Config". */
export async function accountData(
    client: Client,
    userId: string,
    type: string,
): Promise<Record<string, unknown> | undefined> {
    const operation = "account_data";
    try {
        const answer = await client.call({
            operation,
            method: "GET",
            path: path`/_matrix/client/v3/user/${userId}/account_data/${type}`,
        });
        return answers.read(operation, answers.object, answer);
    } catch (error) {
        if (problemOf(error)?.kind === "not_found") return undefined;
        throw error;
    }
}

export async function putAccountData(client: Client, userId: string, type: string, content: object): Promise<void> {
    await client.call({
        operation: "put_account_data",
        method: "PUT",
        path: path`/_matrix/client/v3/user/${userId}/account_data/${type}`,
        body: JSON.stringify(content),
    });
}
