import { randomBytes, randomUUID } from "node:crypto";
import type { Api } from "./api.ts";
import { type SeenInvite, watchInvites } from "./invites.ts";

/** About what a bundle of a handful of sessions weighs, encrypted. */
const bundle = randomBytes(4096);
/** About what an Olm message with a bundle's key weighs. */
const message = { algorithm: "m.olm.v1.curve25519-aes-sha2", ciphertext: randomBytes(1500).toString("base64") };

/**
 * The same HTTP calls as a delivery and its re-invite, with nothing computed between them: no program can be faster on
 * this homeserver.
 */
export async function startFloor(api: Api, signal: AbortSignal): Promise<void> {
    await watchInvites(api, signal, async (invite) => {
        if (invite.sender !== api.userId && invite.userId !== api.userId) await deliver(api, invite);
    });
}

async function deliver(api: Api, { roomId, userId }: SeenInvite): Promise<void> {
    const { device_keys: devices } = await api.call<{ device_keys: Record<string, object> }>(
        "POST",
        "/client/v3/keys/query",
        {
            device_keys: { [userId]: [] },
        },
    );
    const deviceIds = Object.keys(devices[userId] ?? {});
    const wanted = Object.fromEntries(deviceIds.map((id) => [id, "signed_curve25519"]));
    await api.call("POST", "/client/v3/keys/claim", { one_time_keys: { [userId]: wanted } });
    await api.call("POST", "/media/v3/upload", bundle);
    const messages = Object.fromEntries(deviceIds.map((id) => [id, message]));
    await api.call("PUT", `/client/v3/sendToDevice/m.room.encrypted/${randomUUID()}`, {
        messages: { [userId]: messages },
    });
    await api.invite(roomId, userId);
}
