import { z } from "zod";
import type { CryptoPort } from "./port.ts";

/**
 * How our device stands with the cross-signing identity that the homeserver publishes for our user. `replaced`: it is
 * another one; `gone`: there is none; `unsigned`: it is ours, and its signature on our device is missing.
 */
export type OwnIdentity =
    | { readonly state: "ours" | "gone" | "unsigned" }
    /** `masterKey`: the published one, unpadded base64. */
    | { readonly state: "replaced"; readonly masterKey: string };

export interface OwnDevice {
    readonly userId: string;
    readonly deviceId: string;
    /** Of the identity that signed the device, unpadded base64. */
    readonly masterKey: string;
}

type Keys = Pick<CryptoPort, "markSent" | "account">;
type Heard = (identity: OwnIdentity) => void;

const answer = z.record(z.string(), z.unknown());
const published = z.object({ keys: z.record(z.string(), z.string()) });
/** What is no key is no identity to any client. */
const masterKeyText = z.string().regex(/^[A-Za-z0-9+/]{43}$/);
const identitySections = ["master_keys", "self_signing_keys", "user_signing_keys"];

/**
 * The port of a bot whose device is signed. Of each answer to `/keys/query` that shows our device it tells how that
 * stands with the published identity. What cannot be written down then leaves the question open: the machine asks
 * again.
 *
 * Another identity than ours does not reach the machine, which would drop the private keys of ours and encrypt nothing
 * any more, admins' notices included; for a lie of the homeserver as well. The next start shows it to the machine,
 * where its keys can be imported. Source: Matrix v1.19, "Cross-signing"; `POST /_matrix/client/v3/keys/query`.
 */
export function guardOwnIdentity<Port extends Keys>(port: Port, own: OwnDevice, heard: Heard): Port {
    return {
        ...port,
        markSent: async (request: Parameters<Keys["markSent"]>[0], response: string) => {
            // Most answers are about other people, and large.
            const concernsUs = request.kind === "keys_query" && response.includes(JSON.stringify(own.userId));
            if (!concernsUs) return await port.markSent(request, response);
            const { showsDevice, masterKey } = saidOf(response, own);
            if (masterKey === own.masterKey) {
                await port.markSent(request, response);
                // The machine has verified the signatures.
                if (showsDevice) heard({ state: (await port.account()).crossSigned ? "ours" : "unsigned" });
                return;
            }
            if (showsDevice) heard(masterKey === undefined ? { state: "gone" } : { state: "replaced", masterKey });
            await port.markSent(request, withoutIdentity(response, own.userId));
        },
    };
}

interface Said {
    readonly showsDevice: boolean;
    readonly masterKey: string | undefined;
}

/**
 * What an answer says of us. One without our device, as of a homeserver that failed, proves nothing of our identity.
 */
function saidOf(response: string, { userId, deviceId }: OwnDevice): Said {
    const sections = answer.safeParse(JSON.parse(response)).data;
    const device = published.safeParse(property(property(sections?.["device_keys"], userId), deviceId)).data;
    const identity = published.safeParse(property(sections?.["master_keys"], userId)).data;
    return {
        showsDevice: device?.keys[`ed25519:${deviceId}`] !== undefined,
        masterKey: masterKeyText.safeParse(Object.values(identity?.keys ?? {})[0]).data,
    };
}

function withoutIdentity(response: string, userId: string): string {
    const sections = Object.entries(answer.parse(JSON.parse(response)));
    const sifted = sections.map(([name, section]) => [
        name,
        identitySections.includes(name) ? without(section, userId) : section,
    ]);
    return JSON.stringify(Object.fromEntries(sifted));
}

function without(section: unknown, userId: string): unknown {
    const users = answer.safeParse(section).data;
    return users === undefined
        ? section
        : Object.fromEntries(Object.entries(users).filter(([user]) => user !== userId));
}

function property(value: unknown, name: string): unknown {
    return typeof value === "object" && value !== null
        ? Object.getOwnPropertyDescriptor(value, name)?.value
        : undefined;
}
