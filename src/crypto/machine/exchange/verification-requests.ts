import {
    DecryptedToDeviceEvent,
    DecryptionErrorCode,
    DecryptionSettings,
    MegolmDecryptionError,
    RoomId,
    TrustRequirement,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import { parseMegolmMessage, type RoomEvent } from "../../../matrix/index.ts";
import type { DeviceVerificationRequest, VerificationRequestsFound } from "../../port.ts";
import { entriesOf } from "../entries/entries-of.ts";
import type { BundleEntry } from "../entries/entry.ts";
import { type Attempt, attempt, commit, type MachineContext } from "../store/context.ts";
import { MAX_EVENT_BYTES } from "./to-device.ts";

const identifier = z.string().min(1).max(255);

const toDeviceRequest = z.object({
    type: z.literal("m.key.verification.request"),
    sender: identifier.regex(/^@[^:]*:./),
    content: z.object({ from_device: identifier, transaction_id: identifier, timestamp: z.int().nonnegative() }),
});

const roomRequest = z.object({
    type: z.literal("m.room.message"),
    content: z.object({ msgtype: z.literal("m.key.verification.request"), to: identifier }),
});

/**
 * The requests to verify this device among the to-device events of a batch. Those of our own user are left out: they
 * are for whichever device a person holds, and a cancellation of ours would end them for that one, too.
 * Source: Matrix v1.19, "Key verification framework".
 * @param plain events as they came
 * @param processed what the machine made of the encrypted ones
 */
export function readVerificationRequests(
    plain: readonly unknown[],
    processed: readonly object[],
    ownUser: string,
): readonly DeviceVerificationRequest[] {
    const decrypted = processed.flatMap((event): readonly unknown[] =>
        event instanceof DecryptedToDeviceEvent ? [JSON.parse(event.rawEvent)] : [],
    );
    return [...plain, ...decrypted].flatMap((event) => {
        const { data } = toDeviceRequest.safeParse(event);
        if (data === undefined || data.sender === ownUser) return [];
        const { from_device: deviceId, transaction_id: transactionId, timestamp: sentAt } = data.content;
        return [{ userId: data.sender, deviceId, transactionId, sentAt }];
    });
}

/** The machine keeps no room keys: it is lent those of these events, and what it does with them is one commit. */
export async function findVerificationRequests(
    context: MachineContext,
    roomId: string,
    events: readonly RoomEvent[],
): Promise<VerificationRequestsFound> {
    const requests: { eventId: string; to: string }[] = [];
    const withoutKey: string[] = [];
    await commit(context, async (sql) => {
        await lendKeys(context, entriesOf(context, sql).ofSessions(roomId, sessionsOf(events)));
        for (const event of events) {
            const decrypted = await decrypt(context, roomId, event);
            if (decrypted.ok) {
                const { data } = roomRequest.safeParse(decrypted.value);
                if (data !== undefined) requests.push({ eventId: event.eventId, to: data.content.to });
            } else if (lacksKey(decrypted.error)) withoutKey.push(event.eventId);
        }
        await context.sessions.empty();
    });
    return { requests, withoutKey };
}

function sessionsOf(events: readonly RoomEvent[]): readonly string[] {
    return [...new Set(events.flatMap(({ content }) => parseMegolmMessage(content)?.sessionId ?? []))];
}

async function lendKeys({ machine }: MachineContext, keys: readonly BundleEntry[]): Promise<void> {
    if (keys.length === 0) return;
    const entries = keys.map((key) => ({ ...key, forwarding_curve25519_key_chain: [] }));
    await attempt(() => machine.importExportedRoomKeys(JSON.stringify(entries), () => undefined));
}

async function decrypt({ machine }: MachineContext, roomId: string, event: RoomEvent): Promise<Attempt<unknown>> {
    const { type, eventId: event_id, sender, originServerTs: origin_server_ts, content } = event;
    const json = JSON.stringify({ type, event_id, sender, origin_server_ts, content, room_id: roomId });
    if (Buffer.byteLength(json) > MAX_EVENT_BYTES) return { ok: false, error: new Error("too large") };
    return await attempt(async () => {
        const settings = new DecryptionSettings(TrustRequirement.Untrusted);
        const decrypted = await machine.decryptRoomEvent(json, new RoomId(roomId), settings);
        return JSON.parse(decrypted.event) as unknown;
    });
}

function lacksKey(error: unknown): boolean {
    return error instanceof MegolmDecryptionError && error.code === DecryptionErrorCode.MissingRoomKey;
}
