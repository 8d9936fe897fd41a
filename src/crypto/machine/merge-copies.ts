import type { KnownRow, Origin } from "./entry-rows.ts";
import { type FlagFacts, mergeFlags, type Sighting, type SpokenClaim } from "./flags.ts";

/** What a sender's `m.room_key` said, and who that was: the user whom the machine found in the Olm message. */
export interface Word {
    readonly claim: SpokenClaim;
    readonly sender: string;
    /** Milliseconds since the epoch. */
    readonly at: number;
}

/** What becomes of a row when another copy of its session came. */
export interface Merged {
    /** The key that we have stays; else the new copy's takes its place. */
    readonly keepsKey: boolean;
    readonly flags: FlagFacts;
    readonly origin: Origin;
}

type Known = FlagFacts & Sighting & Origin;

/** Only a bundle has spoken for the session so far: neither the machine nor the operator knows it. */
export function isUnvouched({ givenBy, claim }: Pick<KnownRow, "givenBy" | "claim">): boolean {
    return givenBy !== undefined && claim === "none";
}

/**
 * A copy that the machine reported, against what we have of its session.
 * A bundle is anybody's word: beside the machine's copy, a given one stands only if the one leads to the other, and its flag not at all
 * unless nobody else has said anything.
 * @param word undefined: the operator imported it, or it is our own
 * @param sameSession whether the copy that reaches further back leads to the other; asked only of given ones
 */
export function mergeReported(
    known: Known | undefined,
    seen: Sighting,
    word: Word | undefined,
    { own, sameSession }: { readonly own: boolean; readonly sameSession: () => boolean },
): Merged {
    const from = { receivedFrom: word?.sender, receivedAt: word?.at };
    const alone = mergeFlags(undefined, seen.machineFlag, word?.claim);
    if (known === undefined) return { keepsKey: false, flags: alone, origin: { ...from, givenBy: undefined } };
    const { receivedFrom, receivedAt, givenBy } = known;
    const keptGiver = (keepsKey: boolean) => (keepsKey ? givenBy : undefined);
    if (!isUnvouched(known)) {
        const flags = mergeFlags(known, seen.machineFlag, word?.claim);
        // Of two that reach back as far, one that was given makes room.
        const keepsKey = givenBy === undefined ? known.firstIndex <= seen.firstIndex : known.firstIndex < seen.firstIndex && sameSession();
        return { keepsKey, flags, origin: { receivedFrom, receivedAt, givenBy: keptGiver(keepsKey) } };
    }
    const genuine = sameSession();
    const keepsKey = genuine && known.firstIndex < seen.firstIndex;
    const silent = word === undefined && !own;
    const flags = silent && genuine ? { claim: alone.claim, machineFlag: seen.machineFlag || known.machineFlag } : alone;
    return { keepsKey, flags, origin: { ...from, givenBy: keptGiver(keepsKey) } };
}

/** What a bundle's copy of a session changes. */
export type Given =
    | { readonly change: "new" | "nothing" | "flag" }
    /** It reaches further back. */
    | { readonly change: "key"; readonly flags: FlagFacts; readonly origin: Origin }
    /** It is not the session that it says. */
    | { readonly change: "refused" };

/** All that a bundle says of flags: whoever gives a session away takes it for shareable. Source: MSC4268, "Key bundle format". */
export const givenFlags: FlagFacts = { claim: "none", machineFlag: true };

/**
 * A bundle's copy of a session, against what we have of it. What we have stays as it is, but for a key that reaches further back and leads to
 * ours, and for a flag of which nobody has said anything.
 * @param known the row of the same session and sender key
 * @param another whether we have the session under another sender's key
 */
export function mergeGiven(
    known: (Known & Pick<KnownRow, "verdict">) | undefined,
    { firstIndex, giver }: { readonly firstIndex: number; readonly giver: string },
    { another, sameSession }: { readonly another: () => boolean; readonly sameSession: () => boolean },
): Given {
    if (known === undefined) return { change: another() ? "refused" : "new" };
    if (firstIndex > known.firstIndex) return { change: "nothing" };
    if (!sameSession()) return { change: "refused" };
    const open = known.verdict === "unknown";
    if (firstIndex === known.firstIndex) return { change: open ? "flag" : "nothing" };
    const { claim, machineFlag, receivedFrom, receivedAt } = known;
    // What the operator imported, or we made, stays theirs or ours.
    const givenBy = receivedFrom === undefined ? known.givenBy : giver;
    return { change: "key", flags: open ? givenFlags : { claim, machineFlag }, origin: { receivedFrom, receivedAt, givenBy } };
}
