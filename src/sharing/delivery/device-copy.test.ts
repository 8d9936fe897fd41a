import { expect, test } from "vitest";
import type { ServedDevice } from "../ledger/devices.ts";
import { copyFor, type DeviceCopy, type DeviceCopyFacts } from "./device-copy.ts";

const device = { deviceId: "PHONE", crossSigned: true, dehydrated: false };
const became = (state: ServedDevice["state"], sinceJoin = false): ServedDevice => ({
    deviceId: "PHONE",
    state,
    sinceJoin,
});

/** A signed device that was not seen before, while the invite is pending. */
const fresh: DeviceCopyFacts = { device, served: undefined, occasion: "look", joined: false, late: false };
const sent: DeviceCopyFacts = { ...fresh, served: became("sent") };
const joined = { joined: true } as const;
const late = { joined: true, late: true } as const;
const newer = { occasion: "newer_file" } as const;

test.each<[string, DeviceCopyFacts, DeviceCopy]>([
    ["one that was not seen before", fresh, { give: "first" }],
    ["one that could not be reached before", { ...fresh, served: became("no_session") }, { give: "first" }],
    [
        "one that nobody has signed",
        { ...fresh, device: { ...device, crossSigned: false } },
        { not: "not_cross_signed" },
    ],
    [
        "a dehydrated one, at which nobody sits",
        { ...fresh, device: { ...device, dehydrated: true } },
        { not: "dehydrated" },
    ],
    ["one that has its copy", sent, { not: "has_its_copy" }],
    ["after the join: one that was not seen before", { ...fresh, ...joined }, { give: "first" }],
    ["after the join: one that has a copy from before", { ...sent, ...joined }, { give: "after_join" }],
    [
        "after the join: one that was given one since",
        { ...sent, ...joined, served: became("sent", true) },
        { not: "has_its_copy" },
    ],
    [
        "after the join: one that could not be reached",
        { ...fresh, ...joined, served: became("error") },
        { give: "first" },
    ],
    ["long after the join: one that was not seen before", { ...fresh, ...late }, { not: "appeared_late" }],
    [
        "long after the join: one that was not signed then",
        { ...fresh, ...late, served: became("not_cross_signed") },
        { give: "first" },
    ],
    ["long after the join: one that has a copy from before", { ...sent, ...late }, { give: "after_join" }],
    ["a newer file: one that has a copy", { ...sent, ...newer }, { give: "newer_keys" }],
    ["a newer file: one that has none yet", { ...fresh, ...newer }, { not: "waits_for_first_copy" }],
    [
        "a newer file: one whose signature is gone",
        { ...sent, ...newer, device: { ...device, crossSigned: false } },
        { not: "not_cross_signed" },
    ],
])("%s", (_, facts, copy) => expect(copyFor(facts)).toEqual(copy));
