import { BundleReceiver, type ReceiverParts } from "../receiving/index.ts";
import type { Sharing } from "../sharing/index.ts";
import type { ServicesOptions } from "./services.ts";

/** What takes the bundles of those who invite the bot. */
export function bundleReceiver(
    { store, ledger, online, log, releases }: ServicesOptions,
    deviceKeys: Sharing["deviceKeys"],
    told: Pick<ReceiverParts, "keysCame" | "looked">,
): BundleReceiver {
    const receiver = new BundleReceiver({
        database: store.database,
        bundles: ledger.received,
        crypto: online.crypto,
        homeserver: online.homeserver,
        refreshKeys: (userId) => deviceKeys.look(userId),
        noBundleCame: (inviter) => {
            ledger.evidence.noteInviterWithoutBundle(inviter);
            ledger.timelines.touch([inviter.roomId]);
        },
        pin: (userId, masterKey) => ledger.pins.pinFirst(userId, masterKey, Date.now()),
        ...told,
        log,
        now: Date.now,
        clock: ledger.clock,
        random: Math.random,
    });
    releases.add("received bundles", () => receiver.stop());
    return receiver;
}
