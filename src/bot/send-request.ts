import { z } from "zod";
import type { OutgoingRequest, SendOutcome, SendRequest } from "../crypto/index.ts";
import { type Homeserver, HomeserverError, isTransient } from "../homeserver/index.ts";

/**
 * Gives the crypto machine's requests to the homeserver; a refusal that cannot heal is an answer, everything else
 * throws.
 */
export function sendRequest(homeserver: Homeserver): SendRequest {
    return async (request) => {
        try {
            return { ok: true, body: await send(homeserver, request) };
        } catch (error) {
            const refusal = error instanceof HomeserverError ? refusalOf(error) : undefined;
            if (refusal === undefined) throw error;
            return refusal;
        }
    };
}

async function send(homeserver: Homeserver, { kind, body, toDevice, roomMessage }: OutgoingRequest): Promise<string> {
    switch (kind) {
        case "keys_upload":
            return await homeserver.keysUpload(body);
        case "keys_query":
            return await homeserver.keysQuery(body);
        case "keys_claim":
            return await homeserver.keysClaim(body, { timeoutMs: 20_000 });
        case "signature_upload":
            return await homeserver.signaturesUpload(body);
        case "to_device":
            if (toDevice === undefined) throw new Error("a to-device request without its type");
            return await homeserver.sendToDevice(toDevice.eventType, toDevice.txnId, body);
        case "room_message":
            if (roomMessage === undefined) throw new Error("a room message without its room");
            return JSON.stringify({
                event_id: await homeserver.sendEvent(
                    roomMessage.roomId,
                    roomMessage.eventType,
                    roomMessage.txnId,
                    z.looseObject({}).parse(JSON.parse(body)),
                ),
            });
    }
}

function refusalOf({ problem }: HomeserverError): SendOutcome | undefined {
    if (isTransient(problem)) return undefined;
    switch (problem.kind) {
        case "invalid":
            return { ok: false, status: problem.status, errcode: problem.errcode, message: problem.error };
        case "forbidden":
        case "not_found":
        case "too_large":
            return { ok: false, status: 400, errcode: problem.errcode, message: problem.error };
        default:
            return undefined;
    }
}
