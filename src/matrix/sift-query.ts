import { z } from "zod";
import { deepest, isObject, isShallow, jsonObject } from "./json.ts";
import {
    isName,
    isTexts,
    keysText,
    own,
    siftByUser,
    type SiftedKeys,
    type SiftedPart,
    type Sifting,
} from "./sifted-keys.ts";

/** Devices that are taken of one user: a person has a dozen, and each costs an Olm session and an encryption. */
const mostDevices = 300;

const crossSigningSections = ["master_keys", "self_signing_keys", "user_signing_keys"] as const;
const sections = ["device_keys", ...crossSigningSections] as const;

const section = jsonObject.optional();
/** The sections are our own homeserver's; what stands in them is what each user's homeserver said. */
export const queryAnswer = z.object({
    device_keys: section,
    master_keys: section,
    self_signing_keys: section,
    user_signing_keys: section,
    failures: section,
});
export type QueryAnswer = z.infer<typeof queryAnswer>;

const keys = z.custom<Record<string, string>>(isTexts);
const device = z.object({ user_id: z.string(), device_id: z.string(), algorithms: z.array(z.string()), keys });
/** Source: Matrix v1.19, "Cross-signing", "Key and signature security": exactly one key. */
const crossSigningKey = z.object({
    user_id: z.string(),
    usage: z.array(z.string()),
    keys: keys.refine((all) => Object.keys(all).length === 1),
});

/**
 * What may be used of an answer to `/keys/query`. A device that is malformed stays as an empty one, which the
 * OlmMachine leaves out: that there is one can be seen. Of an identity with a malformed key nothing is known, and
 * neither of its owner's devices then. Source: Matrix v1.19, `POST /_matrix/client/v3/keys/query`.
 * @param asked users, each once; of others nothing is taken
 */
export function siftQuery(answer: QueryAnswer, asked: readonly string[]): Sifting {
    return siftByUser(answer.failures, asked, (userId) => siftUser(answer, userId));
}

export const queryText = (sifted: readonly SiftedKeys[]): string => keysText(sections, sifted);

function siftUser(answer: QueryAnswer, userId: string): SiftedPart {
    const devices = siftDevices(own(answer.device_keys, userId), userId);
    if (devices.fault === "malformed" || devices.fault === "too_much") return devices;
    const entries = { ...devices.entries };
    let { partly = false } = devices;
    for (const name of crossSigningSections) {
        const raw = own(answer[name], userId);
        if (raw === undefined) continue;
        const key = siftSigned(raw, (value) => crossSigningKey.safeParse(value).data?.user_id === userId);
        if (key === undefined) return { entries: {}, fault: "malformed" };
        entries[name] = key.text;
        partly ||= key.partly;
    }
    return { ...devices, entries, partly };
}

function siftDevices(raw: unknown, userId: string): SiftedPart {
    if (raw === undefined) return { entries: {}, fault: "left_out" };
    if (!isObject(raw)) return { entries: {}, fault: "malformed" };
    const named = Object.entries(raw);
    if (named.length > mostDevices) return { entries: {}, fault: "too_much" };
    if (!named.every(([deviceId]) => isName(deviceId))) return { entries: {}, fault: "malformed" };
    let partly = false;
    const texts = named.map(([deviceId, value]) => {
        const sifted = siftSigned(value, (object) => {
            const { success, data } = device.safeParse(object);
            return success && data.user_id === userId && data.device_id === deviceId;
        });
        partly ||= sifted?.partly ?? true;
        return `${JSON.stringify(deviceId)}:${sifted?.text ?? "{}"}`;
    });
    return { entries: { device_keys: `{${texts.join(",")}}` }, partly };
}

/** A signed object, as it was signed, without the signatures that nobody can read. Undefined: it is malformed. */
function siftSigned(
    raw: unknown,
    fits: (value: unknown) => boolean,
): { readonly text: string; readonly partly: boolean } | undefined {
    if (!isObject(raw) || !isShallow(raw, deepest) || !fits(raw)) return undefined;
    const signatures = own(raw, "signatures");
    if (signatures === undefined) return { text: JSON.stringify(raw), partly: false };
    const all = isObject(signatures) ? Object.entries(signatures) : [];
    const readable = all.filter(([userId, of]) => /^@[^:]*:./.test(userId) && isName(userId) && isTexts(of));
    if (isObject(signatures) && readable.length === all.length) return { text: JSON.stringify(raw), partly: false };
    return { text: JSON.stringify({ ...raw, signatures: Object.fromEntries(readable) }), partly: true };
}
