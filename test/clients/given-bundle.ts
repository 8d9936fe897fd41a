import { createCipheriv, createHash, randomBytes } from "node:crypto";
import type { Homeserver, SynapseUser } from "../synapse/index.ts";
import type { Client } from "./client.ts";
import type { DeviceOfUser } from "./operations.ts";

/** A room key bundle as no SDK makes it: with whatever the test puts into it. */
interface GivenBundle {
    readonly roomId: string;
    readonly roomKeys: readonly object[];
    readonly withheld?: readonly object[];
}

interface Giver {
    readonly synapse: Homeserver;
    readonly user: SynapseUser;
    readonly client: Client;
}

/** Encrypts and uploads a bundle and announces it to these devices, as the client of `user`. */
export async function giveBundle(
    { synapse, user, client }: Giver,
    devices: readonly DeviceOfUser[],
    { roomId, roomKeys, withheld = [] }: GivenBundle,
): Promise<void> {
    const [key, iv] = [randomBytes(32), Buffer.concat([randomBytes(8), Buffer.alloc(8)])];
    const cipher = createCipheriv("aes-256-ctr", key, iv);
    const ciphertext = Buffer.concat([
        cipher.update(JSON.stringify({ room_keys: roomKeys, withheld })),
        cipher.final(),
    ]);
    const file = {
        v: "v2",
        url: await upload(synapse, user, ciphertext),
        key: { alg: "A256CTR", ext: true, k: key.toString("base64url"), key_ops: ["encrypt", "decrypt"], kty: "oct" },
        iv: unpadded(iv),
        hashes: { sha256: unpadded(createHash("sha256").update(ciphertext).digest()) },
    };
    await client.do("sendToDevice", devices, "m.room_key_bundle", { room_id: roomId, file });
}

async function upload(synapse: Homeserver, user: SynapseUser, bytes: Uint8Array): Promise<string> {
    const headers = { authorization: `Bearer ${await synapse.login(user, "UPLOADS")}` };
    const response = await fetch(`${synapse.url}/_matrix/media/v3/upload`, {
        method: "POST",
        headers,
        body: Buffer.from(bytes),
    });
    if (!response.ok) throw new Error(`upload: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { readonly content_uri: string }).content_uri;
}

function unpadded(bytes: Buffer): string {
    return bytes.toString("base64").replaceAll("=", "");
}
