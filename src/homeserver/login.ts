import { Secret } from "../config/index.ts";
import * as answers from "./answers.ts";
import type { Client } from "./client.ts";
import { HomeserverError, problemOf } from "./errors.ts";

const deviceName = "Backscroll";

/**
 * The versions of the specification that the server speaks. An absent server is waited for; not Matrix at all is said
 * at the third answer.
 */
export async function versions(client: Client): Promise<readonly string[]> {
    const operation = "versions";
    const answer = await client.call({
        operation,
        method: "GET",
        path: "/_matrix/client/versions",
        anonymous: true,
        strangers: 3,
    });
    return answers.read(operation, answers.versions, answer).versions;
}

/** Source: Matrix v1.19, `POST /_matrix/client/v3/login`. */
export async function login(
    client: Client,
    userId: string,
    password: Secret,
    deviceId: string,
): Promise<{ readonly userId: string; readonly deviceId: string; readonly accessToken: Secret }> {
    const body = JSON.stringify({
        ...passwordAuthentication(userId, password),
        device_id: deviceId,
        initial_device_display_name: deviceName,
    });
    const operation = "login";
    const answer = await client.call({
        operation,
        method: "POST",
        path: "/_matrix/client/v3/login",
        body,
        anonymous: true,
    });
    const { user_id, device_id, access_token } = answers.read(operation, answers.login, answer);
    const accessToken = new Secret(access_token);
    client.useAccessToken(accessToken);
    return { userId: user_id, deviceId: device_id, accessToken };
}

export async function whoami(
    client: Client,
): Promise<{ readonly userId: string; readonly deviceId: string | undefined }> {
    const operation = "whoami";
    const answer = await client.call({ operation, method: "GET", path: "/_matrix/client/v3/account/whoami" });
    const { user_id, device_id } = answers.read(operation, answers.whoami, answer);
    return { userId: user_id, deviceId: device_id };
}

/**
 * Publishes cross-signing keys, answering user-interactive authentication by password where the server asks for it.
 * Uploading the same keys again changes nothing, so that a lost answer may be repeated.
 * Source: Matrix v1.19, `POST /_matrix/client/v3/keys/device_signing/upload`.
 */
export async function signingKeysUpload(
    client: Client,
    userId: string,
    body: string,
    password: Secret | undefined,
): Promise<void> {
    const call = {
        operation: "device_signing_upload",
        method: "POST",
        path: "/_matrix/client/v3/keys/device_signing/upload",
    } as const;
    await authenticated(client, userId, call, answers.object.parse(JSON.parse(body)), password);
}

/** Source: Matrix v1.19, `POST /_matrix/client/v3/delete_devices`. */
export async function deleteDevice(client: Client, userId: string, deviceId: string, password: Secret): Promise<void> {
    const call = { operation: "delete_devices", method: "POST", path: "/_matrix/client/v3/delete_devices" } as const;
    await authenticated(client, userId, call, { devices: [deviceId] }, password);
}

/** Answers user-interactive authentication by password, where the server asks for it. */
async function authenticated(
    client: Client,
    userId: string,
    call: Parameters<Client["call"]>[0],
    body: Readonly<Record<string, unknown>>,
    password: Secret | undefined,
): Promise<void> {
    try {
        await client.call({ ...call, body: JSON.stringify(body) });
    } catch (error) {
        const problem = problemOf(error);
        if (problem?.kind !== "auth_required" || password === undefined) throw error;
        if (!problem.flows.some((stages) => stages.length === 1 && stages[0] === "m.login.password")) throw error;
        const auth = {
            ...passwordAuthentication(userId, password),
            ...(problem.session === undefined ? {} : { session: problem.session }),
        };
        await answerAuthentication(client, call, JSON.stringify({ ...body, auth }));
    }
}

async function answerAuthentication(client: Client, call: Parameters<Client["call"]>[0], body: string): Promise<void> {
    try {
        await client.call({ ...call, body });
    } catch (error) {
        const problem = problemOf(error);
        if (problem?.kind !== "auth_required") throw error;
        // The second time it is asked for, the answer was not accepted.
        throw new HomeserverError(call.operation, {
            kind: "forbidden",
            errcode: problem.errcode ?? "M_FORBIDDEN",
            error: "the password was not accepted",
        });
    }
}

function passwordAuthentication(userId: string, password: Secret): object {
    return { type: "m.login.password", identifier: { type: "m.id.user", user: userId }, password: password.reveal() };
}
