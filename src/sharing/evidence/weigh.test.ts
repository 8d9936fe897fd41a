import { expect, test } from "vitest";
import { type Circumstances, type Evidence, type Ground, grounds, type Likelihood, weigh } from "./weigh.ts";

const day = 24 * 3_600_000;
const now = 1_000 * day;
const nothing: Evidence = {
    bundleAt: undefined,
    machineFlagAt: undefined,
    specFlagAt: undefined,
    silentWhileOpenAt: undefined,
    keptToThemselvesAt: undefined,
};
const known = (of: Partial<Evidence>): Evidence => ({ ...nothing, ...of });
const everything: Evidence = {
    bundleAt: now,
    machineFlagAt: now,
    specFlagAt: now,
    silentWhileOpenAt: now,
    keptToThemselvesAt: now,
};
const unsigned: Partial<Circumstances> = { hasSignedDevice: false };
const specShares: Partial<Circumstances> = { specSpellingShares: true };

// The rows in their order: of each what it takes, and what it outweighs.
test.each<[string, Evidence | undefined, Partial<Circumstances>, Likelihood, Ground]>([
    ["no signed device, whatever else is known", everything, unsigned, "no", "no_signed_device"],
    ["no signed device, nothing else known", undefined, unsigned, "no", "no_signed_device"],
    [
        "their homeserver did not say: not asked about devices",
        undefined,
        { hasSignedDevice: undefined },
        "likely",
        "nothing_known",
    ],

    ["a bundle today, whatever else is known", everything, {}, "proven", "bundle_lately"],
    ["a bundle 90 days ago", known({ bundleAt: now - 90 * day }), {}, "proven", "bundle_lately"],
    [
        "a bundle, and once nothing since",
        known({ bundleAt: now - 9 * day, keptToThemselvesAt: now }),
        {},
        "proven",
        "bundle_lately",
    ],
    [
        "a bundle of a clock that was set back since",
        known({ bundleAt: now + 900 * day }),
        {},
        "proven",
        "bundle_lately",
    ],
    ["a bundle 91 days ago", known({ bundleAt: now - 91 * day }), {}, "likely", "nothing_known"],

    ["kept to themselves", known({ keptToThemselvesAt: now - 500 * day }), {}, "hardly", "kept_to_themselves"],
    [
        "kept to themselves, with flags",
        known({ keptToThemselvesAt: 1, machineFlagAt: now }),
        specShares,
        "hardly",
        "kept_to_themselves",
    ],
    [
        "kept to themselves since a bundle",
        known({ bundleAt: 5, keptToThemselvesAt: 6 }),
        {},
        "hardly",
        "kept_to_themselves",
    ],
    [
        "kept to themselves before a bundle",
        known({ bundleAt: 6, keptToThemselvesAt: 5 }),
        {},
        "likely",
        "nothing_known",
    ],

    ["the machine's flag", known({ machineFlagAt: 1 }), {}, "likely", "machine_flag"],
    [
        "another client without",
        known({ machineFlagAt: 1, specFlagAt: now, silentWhileOpenAt: now }),
        {},
        "likely",
        "machine_flag",
    ],

    ["nobody has heard of them", undefined, {}, "likely", "nothing_known"],
    ["keys from when history may have been closed", nothing, {}, "likely", "nothing_known"],

    ["the specification's spelling alone", known({ specFlagAt: 1 }), {}, "hardly", "spec_flag_only"],
    ["that, once such a client has shared", known({ specFlagAt: 1 }), specShares, "likely", "spec_flag_shares"],
    [
        "that, beside a client without a flag",
        known({ specFlagAt: 1, silentWhileOpenAt: 2 }),
        specShares,
        "likely",
        "spec_flag_shares",
    ],
    ["no flag although history was open", known({ silentWhileOpenAt: 1 }), {}, "hardly", "silent_while_open"],
    ["no flag, whatever others do", known({ silentWhileOpenAt: 1 }), specShares, "hardly", "silent_while_open"],
])("%s", (_, evidence, more, likelihood, because) => {
    expect(weigh(evidence, { now, specSpellingShares: false, hasSignedDevice: true, ...more })).toEqual({
        likelihood,
        because,
    });
});

test("every ground is a clause that goes on in a sentence", () => {
    for (const clause of Object.values(grounds)) expect(clause).toMatch(/^[a-z].*[^.]$/);
});
