import {
    DeviceId,
    initAsync,
    type KeysQueryRequest,
    type KeysUploadRequest,
    OlmMachine,
    type OutgoingRequest,
    RequestType,
    SecretsBundle,
    type SignatureUploadRequest,
    UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import type { Homeserver, SynapseUser } from "../synapse/index.ts";
import type { Identity } from "./operations.ts";

const paths = new Map<RequestType, string>([
    [RequestType.KeysUpload, "/keys/upload"],
    [RequestType.KeysQuery, "/keys/query"],
    [RequestType.SignatureUpload, "/keys/signatures/upload"],
]);

/**
 * Logs in a device whose keys are on the server, and at which nobody ever sits: real keys, one-time keys and
 * signatures, but no process and no sync, so that stories can have many.
 */
export async function leaveDevice(
    synapse: Homeserver,
    user: SynapseUser,
    { deviceId = "ABSENT", identity = "new" }: { readonly deviceId?: string; readonly identity?: Identity } = {},
): Promise<void> {
    await initAsync();
    const token = await synapse.login(user, deviceId);
    const machine = await OlmMachine.initialize(new UserId(user.userId), new DeviceId(deviceId));
    const send = async (request: KeysUploadRequest | KeysQueryRequest | SignatureUploadRequest): Promise<void> => {
        const answer = await post(synapse.url, token, paths.get(request.type) ?? "", request.body);
        if (request.id !== undefined) await machine.markRequestAsSent(request.id, request.type, answer);
    };
    for (const request of await machine.outgoingRequests()) if (isKeysUpload(request)) await send(request);
    if (identity === "new") {
        const { uploadSigningKeysRequest: keys, uploadSignaturesRequest: signatures } =
            await machine.bootstrapCrossSigning(true);
        await post(synapse.url, token, "/keys/device_signing/upload", keys.body);
        await send(signatures);
    } else if (identity !== "none") {
        await send(machine.queryKeysForUsers([machine.userId]));
        await machine.importSecretsBundle(SecretsBundle.from_json(identity));
        const own = await machine.getDevice(machine.userId, machine.deviceId);
        if (own === undefined) throw new Error(`${user.userId} does not know their own ${deviceId}`);
        await send(await own.verify());
    }
    machine.close();
}

function isKeysUpload(request: OutgoingRequest): request is KeysUploadRequest {
    return request.type === RequestType.KeysUpload;
}

async function post(url: string, token: string, path: string, body: string): Promise<string> {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/_matrix/client/v3${path}`, { method: "POST", headers, body });
    const answer = await response.text();
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${answer}`);
    return answer;
}
