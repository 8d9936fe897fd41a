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

/** The sections are our own homeserver's; what stands in them is what each user's homeserver said. */
export const claimAnswer = z.object({ one_time_keys: jsonObject, failures: jsonObject.optional() });
export type ClaimAnswer = z.infer<typeof claimAnswer>;

/** Source: Matrix v1.19, "One-time and fallback keys", `signed_curve25519`. */
const oneTimeKey = z.object({ key: z.string(), signatures: z.custom(areSignatures), fallback: z.boolean().optional() });

/**
 * What may be used of an answer to `/keys/claim`: of each device that was asked for, one key that the OlmMachine can
 * read. A user of whose keys any is malformed has the fault, and what is not is taken all the same. Source: Matrix
 * v1.19, `POST /_matrix/client/v3/keys/claim`.
 * @param asked devices by user; of others nothing is taken
 */
export function siftClaim(answer: ClaimAnswer, asked: ReadonlyMap<string, readonly string[]>): Sifting {
    return siftByUser(answer.failures, [...asked.keys()], (userId) =>
        siftUser(own(answer.one_time_keys, userId), asked.get(userId) ?? []),
    );
}

export const claimText = (sifted: readonly SiftedKeys[]): string => keysText(["one_time_keys"], sifted);

function areSignatures(value: unknown): boolean {
    return isObject(value) && Object.entries(value).every(([userId, of]) => isName(userId) && isTexts(of));
}

function siftUser(raw: unknown, deviceIds: readonly string[]): SiftedPart {
    if (raw === undefined) return { entries: {}, fault: "left_out" };
    if (!isObject(raw)) return { entries: {}, fault: "malformed" };
    const keys = deviceIds.map((deviceId) => [deviceId, siftDevice(own(raw, deviceId))] as const);
    const texts = keys.flatMap(([deviceId, { key }]) =>
        key === undefined ? [] : [`${JSON.stringify(deviceId)}:${key}`],
    );
    const malformed = keys.some(([, { partly }]) => partly);
    return { entries: { one_time_keys: `{${texts.join(",")}}` }, ...(malformed ? { fault: "malformed" } : {}) };
}

/** A device that has no key left is not malformed: it is left out, or has none under its name. */
function siftDevice(raw: unknown): { readonly key?: string; readonly partly: boolean } {
    if (raw === undefined) return { partly: false };
    if (!isObject(raw)) return { partly: true };
    const keys = Object.entries(raw);
    const usable = keys.filter(
        ([id, key]) =>
            id.startsWith("signed_curve25519:") &&
            isName(id) &&
            isShallow(key, deepest) &&
            oneTimeKey.safeParse(key).success,
    );
    const partly = usable.length < keys.length;
    const [first] = usable;
    return first === undefined
        ? { partly }
        : { key: `{${JSON.stringify(first[0])}:${JSON.stringify(first[1])}}`, partly };
}
