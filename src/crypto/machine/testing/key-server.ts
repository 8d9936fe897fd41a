import { z } from "zod";
import type { OutgoingRequest } from "../../port.ts";

const signed = z.looseObject({ signatures: z.record(z.string(), z.record(z.string(), z.unknown())).optional() });
const byUser = <T extends z.ZodType>(value: T) => z.record(z.string(), z.record(z.string(), value));

const bodies = {
    upload: z.object({ device_keys: signed.optional(), one_time_keys: z.record(z.string(), z.unknown()).default({}) }),
    query: z.object({ device_keys: z.record(z.string(), z.unknown()) }),
    claim: z.object({ one_time_keys: byUser(z.string()) }),
    toDevice: z.object({ messages: byUser(z.looseObject({})) }),
    signing: z.object({
        master_key: signed.optional(),
        self_signing_key: signed.optional(),
        user_signing_key: signed.optional(),
    }),
    signatures: byUser(signed),
};

type Json = Record<string, unknown>;
type Signed = z.infer<typeof signed>;

interface Device {
    keys: Signed | undefined;
    readonly oneTimeKeys: [string, unknown][];
    readonly inbox: object[];
}

interface User {
    readonly devices: Map<string, Device>;
    signing: z.infer<typeof bodies.signing>;
}

/** The key and to-device half of a homeserver, in memory: stores what clients publish and believes everybody. */
export class KeyServer {
    readonly #users = new Map<string, User>();

    /** Answers a request of a machine as the homeserver would. */
    answer(userId: string, deviceId: string, request: OutgoingRequest): string {
        return JSON.stringify(this.#answer(userId, deviceId, request, JSON.parse(request.body)));
    }

    uploadSigningKeys(userId: string, body: string): void {
        this.#user(userId).signing = bodies.signing.parse(JSON.parse(body));
    }

    uploadSignatures(body: string): void {
        for (const [userId, keys] of Object.entries(bodies.signatures.parse(JSON.parse(body)))) {
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

    send(sender: string, type: string, messages: Record<string, Record<string, object>>): void {
        for (const [userId, devices] of Object.entries(messages)) {
            for (const [deviceId, content] of Object.entries(devices))
                this.#device(userId, deviceId).inbox.push({ type, sender, content });
        }
    }

    /** What waits for a device, and is forgotten here. */
    take(userId: string, deviceId: string): object[] {
        return this.#device(userId, deviceId).inbox.splice(0);
    }

    #answer(userId: string, deviceId: string, { kind, toDevice }: OutgoingRequest, body: unknown): Json {
        switch (kind) {
            case "keys_upload":
                return this.#upload(this.#device(userId, deviceId), bodies.upload.parse(body));
            case "keys_query":
                return this.#query(Object.keys(bodies.query.parse(body).device_keys));
            case "keys_claim":
                return { one_time_keys: this.#claim(bodies.claim.parse(body).one_time_keys), failures: {} };
            case "to_device":
                this.send(userId, toDevice?.eventType ?? "", bodies.toDevice.parse(body).messages);
                return {};
            case "signature_upload":
                this.uploadSignatures(JSON.stringify(body));
                return { failures: {} };
            default:
                return {};
        }
    }

    #upload(device: Device, body: z.infer<typeof bodies.upload>): Json {
        device.keys = body.device_keys ?? device.keys;
        device.oneTimeKeys.push(...Object.entries(body.one_time_keys));
        return { one_time_key_counts: { signed_curve25519: device.oneTimeKeys.length } };
    }

    #query(userIds: readonly string[]): Json {
        const answer = {
            device_keys: {} as Json,
            master_keys: {} as Json,
            self_signing_keys: {} as Json,
            user_signing_keys: {} as Json,
        };
        for (const userId of userIds) {
            const { devices, signing } = this.#user(userId);
            const published = [...devices].filter(([, device]) => device.keys !== undefined);
            answer.device_keys[userId] = Object.fromEntries(
                published.map(([deviceId, device]) => [deviceId, device.keys]),
            );
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
