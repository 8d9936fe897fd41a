import type { OfferedBundle } from "../crypto/index.ts";
import type { BundleReason } from "./reasons.ts";

/**
 * Milliseconds after the join within which the inviter's bundle has to be announced, as it has for clients. Source:
 * matrix-js-sdk, matrix-sdk (Rust).
 */
export const announcedWithin = 24 * 3_600_000;

/**
 * What speaks against a bundle of the bot's inviter; undefined: nothing. What is in it is not believed any further for
 * that (see `crypto/machine/merge-copies.ts`).
 * @param pinned the inviter's master key as the bot first saw it
 */
export function distrust(
    offer: OfferedBundle,
    { joinedAt, pinned, now }: { readonly joinedAt: number; readonly pinned: string | undefined; readonly now: number },
): BundleReason | undefined {
    // A time that has not come yet is of a clock that was set back since, and says nothing.
    if (offer.receivedAt > joinedAt + announcedWithin && offer.receivedAt <= now) return "late";
    if (offer.masterKey === null || !offer.crossSigned) return "unsigned_device";
    if (pinned !== undefined && offer.masterKey !== pinned) return "identity_changed";
    return undefined;
}
