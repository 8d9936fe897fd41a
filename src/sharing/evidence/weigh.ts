/** What is known of a user's client, from any room; milliseconds since the epoch, undefined: never. */
export interface Evidence {
    /** They announced a room key bundle to the bot last. */
    readonly bundleAt: number | undefined;
    /** A key of theirs came last whose session the machine takes for shareable. */
    readonly machineFlagAt: number | undefined;
    /** One came last that says so in the specification's spelling alone. */
    readonly specFlagAt: number | undefined;
    /** One came last that does not say so, although history was open. */
    readonly silentWhileOpenAt: number | undefined;
    /** They invited the bot last to a room whose keys they could have given it, and announced none. */
    readonly keptToThemselvesAt: number | undefined;
}

export interface Circumstances {
    /** Milliseconds since the epoch. */
    readonly now: number;
    /**
     * Somebody has announced a bundle whose keys have the specification's spelling alone: such clients share by now.
     */
    readonly specSpellingShares: boolean;
    /** By a fresh answer of their own homeserver; undefined: nobody asked, or it did not answer. */
    readonly hasSignedDevice: boolean | undefined;
}

/** Whether a user's client would share a room's history with whoever they invite. */
export type Likelihood = "no" | "proven" | "hardly" | "likely";

/** A bundle that is older says little of the client that they use now; milliseconds. */
const bundleProvesFor = 90 * 24 * 3_600_000;

/** Why a client is taken to share or not, in clauses for people. */
export const grounds = {
    no_signed_device:
        "they have no device that is signed by their identity, and nobody opens a bundle of an unsigned one",
    bundle_lately: "their client has sent the bot a room key bundle within 90 days",
    kept_to_themselves:
        "they invited the bot to a room with earlier keys that their client could have given it, and it gave none",
    machine_flag: "their client marks its keys as clients do that share history",
    nothing_known: "nothing is known of their client",
    spec_flag_shares: "their client marks its keys as the specification says, and such clients have been seen to share",
    spec_flag_only: "their client marks its keys as the specification says, and no such client has been seen to share",
    silent_while_open: "their client does not mark its keys, although the room's history was open",
} as const satisfies Readonly<Record<string, string>>;

export type Ground = keyof typeof grounds;

export interface Weighed {
    readonly likelihood: Likelihood;
    readonly because: Ground;
}

/**
 * Whether this user's client would share history, by the first row that applies. A time ahead of now is of a clock that
 * was set back, and counts as now.
 * Trust limit: evidence is what their Olm messages said; a client that was exchanged since is taken for the old one
 * until it speaks.
 * Source: the behaviour of clients, measured; docs/understand/re-invite.md.
 */
export function weigh(
    evidence: Evidence | undefined,
    { now, specSpellingShares, hasSignedDevice }: Circumstances,
): Weighed {
    const { bundleAt, keptToThemselvesAt, machineFlagAt, specFlagAt, silentWhileOpenAt } = evidence ?? {};
    if (hasSignedDevice === false) return { likelihood: "no", because: "no_signed_device" };
    if (bundleAt !== undefined && now - bundleAt <= bundleProvesFor)
        return { likelihood: "proven", because: "bundle_lately" };
    if (keptToThemselvesAt !== undefined && (bundleAt === undefined || keptToThemselvesAt > bundleAt))
        return { likelihood: "hardly", because: "kept_to_themselves" };
    if (machineFlagAt !== undefined) return { likelihood: "likely", because: "machine_flag" };
    if (specFlagAt !== undefined && specSpellingShares) return { likelihood: "likely", because: "spec_flag_shares" };
    if (specFlagAt !== undefined) return { likelihood: "hardly", because: "spec_flag_only" };
    if (silentWhileOpenAt !== undefined) return { likelihood: "hardly", because: "silent_while_open" };
    return { likelihood: "likely", because: "nothing_known" };
}
