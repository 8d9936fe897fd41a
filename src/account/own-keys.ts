import { z } from "zod";
import type { CryptoPort, OutgoingRequest } from "../crypto/index.ts";
import { Failure } from "../failures/index.ts";
import { type Homeserver, HomeserverError, problemOf } from "../homeserver/index.ts";

const keys = z.object({ keys: z.record(z.string(), z.string()) });
const answer = z.object({
    device_keys: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
    master_keys: z.record(z.string(), z.unknown()).optional(),
    failures: z.record(z.string(), z.unknown()).optional(),
});

/** What the server publishes for us; unpadded base64. */
export interface PublishedKeys {
    /** Our device's ed25519 key; undefined if the device has no keys there. */
    readonly device: string | undefined;
    /** The master key; undefined: no cross-signing identity. */
    readonly masterKey: string | undefined;
}

type Sending = Pick<Homeserver, "keysUpload" | "keysQuery" | "signaturesUpload">;

/** A fresh `/keys/query` for ourselves: the machine takes the answer, and what it says is read beside it. */
export async function queryOwnKeys(
    homeserver: Sending,
    crypto: CryptoPort,
    userId: string,
    deviceId: string,
): Promise<PublishedKeys> {
    const request = await crypto.keysQuery([userId]);
    const text = await homeserver.keysQuery(request.body);
    const published = publishedKeys(text, userId, deviceId);
    await acknowledge(crypto, request, text);
    return published;
}

function publishedKeys(text: string, userId: string, deviceId: string): PublishedKeys {
    const parsed = answer.safeParse(JSON.parse(text));
    if (!parsed.success)
        throw new HomeserverError("keys_query", { kind: "malformed", detail: "it does not list keys" });
    const { device_keys, master_keys, failures } = parsed.data;
    if (own(failures, userId) !== undefined)
        throw new HomeserverError("keys_query", {
            kind: "malformed",
            detail: "what it says of our own keys cannot be used",
        });
    const device = own(own(device_keys, userId), deviceId);
    return { device: ed25519(device, deviceId), masterKey: ed25519(own(master_keys, userId)) };
}

/** The master key that a body for `/keys/device_signing/upload` publishes. */
export function masterKeyIn(signingKeys: string): string {
    const { master_key } = z.object({ master_key: z.unknown() }).parse(JSON.parse(signingKeys));
    const key = ed25519(master_key);
    if (key === undefined) throw new Error("the machine's cross-signing upload has no master key");
    return key;
}

/**
 * Sends what the machine wants published of our own account (`keys_upload`, `signature_upload`), until nothing is left.
 * Nobody else is asked for.
 */
export async function sendOwnRequests(homeserver: Sending, crypto: CryptoPort): Promise<void> {
    // Each round's answers may bring new requests; what is still there after three rounds is the running bot's to send.
    for (let round = 0; round < 3; round++) {
        const requests = (await crypto.outgoing()).filter(isOwn);
        if (requests.length === 0) return;
        for (const request of requests) await sendOwnRequest(homeserver, crypto, request);
    }
}

export async function sendOwnRequest(homeserver: Sending, crypto: CryptoPort, request: OutgoingRequest): Promise<void> {
    if (request.kind === "keys_upload") await acknowledge(crypto, request, await uploadKeys(homeserver, request.body));
    if (request.kind === "signature_upload")
        await acknowledge(crypto, request, await homeserver.signaturesUpload(request.body));
}

/** The machine reads an answer before it changes anything: what it cannot read is the homeserver's fault. */
async function acknowledge(crypto: CryptoPort, request: OutgoingRequest, text: string): Promise<void> {
    try {
        await crypto.markSent(request, text);
    } catch (error) {
        if (error instanceof Failure) throw error;
        const detail = error instanceof Error ? error.message : String(error);
        throw new HomeserverError(request.kind, { kind: "malformed", detail }, { cause: error });
    }
}

/** A store that was put back from an old copy makes one-time keys under names that the server already has. */
async function uploadKeys(homeserver: Sending, body: string): Promise<string> {
    try {
        return await homeserver.keysUpload(body);
    } catch (error) {
        const problem = problemOf(error);
        const conflict = problem?.kind === "invalid" && /one time key .*already exists/i.test(problem.error);
        if (!conflict) throw error;
        const device = z.object({ device_keys: z.object({ device_id: z.string() }) }).safeParse(JSON.parse(body)).data
            ?.device_keys.device_id;
        throw new Failure("one_time_keys_conflict", { device: device ?? "in use" }, { cause: error });
    }
}

function isOwn({ kind }: OutgoingRequest): boolean {
    return kind === "keys_upload" || kind === "signature_upload";
}

function ed25519(value: unknown, deviceId?: string): string | undefined {
    const parsed = keys.safeParse(value);
    if (!parsed.success) return undefined;
    // A device's key is named after the device, a cross-signing key after itself.
    return Object.entries(parsed.data.keys).find(([name, key]) => name === `ed25519:${deviceId ?? key}`)?.[1];
}

/** A property of an answer, never one of its prototype. */
function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
    return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
