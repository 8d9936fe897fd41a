/** Why the bundle of the bot's inviter is not taken, or not yet. */
export const bundleReasons = {
    unsigned_device:
        "it came from a device that its owner's identity has not signed: they verify that device, and within 24 hours of the join the bot goes on by itself; later, they remove the bot and invite it again",
    identity_changed:
        "the inviter's identity is not the one that the bot saw first: compare it with them and `backscroll trust` it, and within 24 hours of the join the bot goes on by itself; later, remove the bot and invite it again",
    late: "it was announced more than 24 hours after the bot had joined: remove the bot and invite it again",
    media_gone: "the homeserver does not have the file: remove the bot and invite it again",
    too_large:
        "the file is larger than any that the bot takes: `backscroll import-keys` takes a key export of any size",
    hash_mismatch:
        "the file is not the one that was announced: whoever keeps or carries it has changed it. Remove the bot and invite it again",
    malformed: "the file holds no room key bundle: remove the bot and invite it again, from another client",
    unreachable:
        "the file or the inviter's keys could not be had: the homeservers concerned did not answer as they should",
} as const satisfies Readonly<Record<string, string>>;

export type BundleReason = keyof typeof bundleReasons;

export const knownReasons: readonly BundleReason[] = Object.keys(bundleReasons).filter(isReason);

function isReason(value: string): value is BundleReason {
    return Object.hasOwn(bundleReasons, value);
}
