import { BundleReceiver, type ReceiverParts } from "../receiving/index.ts";
import type { DeviceKeys } from "../sharing/index.ts";
import type { ServicesOptions } from "./services.ts";

/** What takes the bundles of those who invite the bot. */
export function bundleReceiver(
    { store, ledger, online, log, releases }: ServicesOptions,
    deviceKeys: Pick<DeviceKeys, "look">,
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
        monotonic: () => performance.now(),
        random: Math.random,
    });
    releases.add("received bundles", () => receiver.stop());
    return receiver;
}
