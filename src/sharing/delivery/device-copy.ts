import { opensBundles, type UserKeys } from "../../crypto/index.ts";
import type { ServedDevice } from "../ledger/devices.ts";

type Device = UserKeys["devices"][number];

/** What speaks for and against a copy for one of the invitee's devices. */
export interface DeviceCopyFacts {
    /** As the invitee's homeserver shows it. */
    readonly device: Device;
    /** What became of it so far; undefined: it was not seen before. */
    readonly served: ServedDevice | undefined;
    /** Somebody looks for devices without a copy, or the room has a newer file for those that have one. */
    readonly occasion: "look" | "newer_file";
    /** The invitee has joined. */
    readonly joined: boolean;
    /** Long after the join: whoever logs in now was not waiting for these keys, their other devices have them. */
    readonly late: boolean;
}

/** `give`: the first copy, one more after the join, or one with newer keys; `not`: why it is given none now. */
export type DeviceCopy =
    | { readonly give: "first" | "after_join" | "newer_keys" }
    | { readonly not: "dehydrated" | "not_cross_signed" | "appeared_late" | "has_its_copy" | "waits_for_first_copy" };

/**
 * Whether a device is given a copy of the keys now, and which: whoever asks, after the first delivery.
 * One list, in the order in which a person would ask.
 * Source: MSC4268, "Sending": to each of the invitee's cross-signed devices.
 */
export function copyFor({ device, served, occasion, joined, late }: DeviceCopyFacts): DeviceCopy {
    if (device.dehydrated) return { not: "dehydrated" };
    if (served === undefined && late) return { not: "appeared_late" };
    if (!opensBundles(device)) return { not: "not_cross_signed" };
    const hasCopy = served?.state === "sent";
    if (occasion === "newer_file") return hasCopy ? { give: "newer_keys" } : { not: "waits_for_first_copy" };
    if (!hasCopy) return { give: "first" };
    // A client that drops bundles of people with whom it shares no room takes the second one; to any other it does no
    // harm.
    return joined && !served.sinceJoin ? { give: "after_join" } : { not: "has_its_copy" };
}

/** The same of all the user's devices: which are given a copy, and which of them the job does not hear of at all. */
export function copiesFor(
    { devices }: UserKeys,
    served: readonly ServedDevice[],
    facts: Pick<DeviceCopyFacts, "occasion" | "joined" | "late">,
): { readonly given: readonly string[]; readonly considered: readonly Device[] } {
    const known = new Map(served.map((one) => [one.deviceId, one]));
    const all = devices.map((device) => ({
        device,
        copy: copyFor({ ...facts, device, served: known.get(device.deviceId) }),
    }));
    return {
        given: all.flatMap(({ device, copy }) => ("give" in copy ? [device.deviceId] : [])),
        considered: all.flatMap(({ device, copy }) => ("not" in copy && copy.not === "appeared_late" ? [] : [device])),
    };
}
