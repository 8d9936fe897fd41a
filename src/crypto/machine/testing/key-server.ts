import type { OutgoingRequest } from "../../port.ts";

type Json = Record<string, unknown>;
type Signed = Json & { signatures?: Record<string, Json> };
type Messages = Record<string, Record<string, object>>;

interface Device {
    keys: Signed | undefined;
    readonly oneTimeKeys: [string, unknown][];
    readonly inbox: object[];
}

interface User {
    readonly devices: Map<string, Device>;
    signing: { master_key?: Signed; self_signing_key?: Signed; user_signing_key?: Signed };
}

/** The key and to-device half of a homeserver, in memory: stores what clients publish and believes everybody. */
export class KeyServer {
    readonly #users = new Map<string, User>();

    /** Answers a request of a machine as the homeserver would. */
    answer(userId: string, deviceId: string, request: OutgoingRequest): string {
        return JSON.stringify(this.#answer(userId, deviceId, request, JSON.parse(request.body) as Json));
    }

    uploadSigningKeys(userId: string, body: string): void {
        this.#user(userId).signing = JSON.parse(body) as User["signing"];
    }

    uploadSignatures(body: string): void {
        for (const [userId, keys] of Object.entries(JSON.parse(body) as Record<string, Record<string, Signed>>)) {
            const user = this.#user(userId);
            for (const [name, signed] of Object.entries(keys)) {
                const target = user.devices.get(name)?.keys ?? user.signing.master_key;
                if (target === undefined) continue;
                target.signatures ??= {};
                for (const [signer, signatures] of Object.entries(signed.signatures ?? {})) {
                    target.signatures[signer] = { ...target.signatures[signer], ...signatures };
                }
            }
        }
    }

    send(sender: string, type: string, messages: Messages): void {
        for (const [userId, devices] of Object.entries(messages)) {
            for (const [deviceId, content] of Object.entries(devices)) this.#device(userId, deviceId).inbox.push({ type, sender, content });
        }
    }

    /** What waits for a device, and is forgotten here. */
    take(userId: string, deviceId: string): object[] {
        return this.#device(userId, deviceId).inbox.splice(0);
    }

    #answer(userId: string, deviceId: string, { kind, toDevice }: OutgoingRequest, body: Json): Json {
        switch (kind) {
            case "keys_upload":
                return this.#upload(this.#device(userId, deviceId), body);
            case "keys_query":
                return this.#query(Object.keys(body["device_keys"] as Json));
            case "keys_claim":
                return { one_time_keys: this.#claim(body["one_time_keys"] as Record<string, Json>), failures: {} };
            case "to_device":
                this.send(userId, toDevice?.eventType ?? "", body["messages"] as Messages);
                return {};
            case "signature_upload":
                this.uploadSignatures(JSON.stringify(body));
                return { failures: {} };
            case "room_message":
                return { event_id: "$event" };
        }
    }

    #upload(device: Device, body: Json): Json {
        device.keys = (body["device_keys"] as Signed | undefined) ?? device.keys;
        device.oneTimeKeys.push(...Object.entries((body["one_time_keys"] as Json | undefined) ?? {}));
        return { one_time_key_counts: { signed_curve25519: device.oneTimeKeys.length } };
    }

    #query(userIds: readonly string[]): Json {
        const answer = { device_keys: {} as Json, master_keys: {} as Json, self_signing_keys: {} as Json, user_signing_keys: {} as Json };
        for (const userId of userIds) {
            const { devices, signing } = this.#user(userId);
            const published = [...devices].filter(([, device]) => device.keys !== undefined);
            answer.device_keys[userId] = Object.fromEntries(published.map(([deviceId, device]) => [deviceId, device.keys]));
            if (signing.master_key !== undefined) answer.master_keys[userId] = signing.master_key;
            if (signing.self_signing_key !== undefined) answer.self_signing_keys[userId] = signing.self_signing_key;
            if (signing.user_signing_key !== undefined) answer.user_signing_keys[userId] = signing.user_signing_key;
        }
        return { ...answer, failures: {} };
    }

    #claim(wanted: Record<string, Json>): Json {
        const claimed = Object.entries(wanted).map(([userId, devices]) => {
            const keys = Object.keys(devices).flatMap((deviceId) => {
                const key = this.#device(userId, deviceId).oneTimeKeys.shift();
                return key === undefined ? [] : [[deviceId, Object.fromEntries([key])] as const];
            });
            return [userId, Object.fromEntries(keys)] as const;
        });
        return Object.fromEntries(claimed);
    }

    #user(userId: string): User {
        const user = this.#users.get(userId) ?? { devices: new Map<string, Device>(), signing: {} };
        this.#users.set(userId, user);
        return user;
    }

    #device(userId: string, deviceId: string): Device {
        const { devices } = this.#user(userId);
        const device = devices.get(deviceId) ?? { keys: undefined, oneTimeKeys: [], inbox: [] };
        devices.set(deviceId, device);
        return device;
    }
}
