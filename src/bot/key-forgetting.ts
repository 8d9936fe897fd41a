import { rmSync } from "node:fs";
import { LeftRooms } from "../rooms/index.ts";
import { Forgetting } from "./keys/forgetting.ts";
import type { ServicesOptions } from "./services.ts";

/**
 * What forgets the keys of rooms that were left.
 * @param tellRooms has the crypto worker let go what came for unknown rooms
 */
export function keyForgetting(
    { settings, store, ledger, online, log, releases }: ServicesOptions,
    tellRooms: () => Promise<void>,
): Forgetting {
    const forgetting = new Forgetting({
        tellRooms,
        database: store.database,
        leftRooms: new LeftRooms(store.database),
        after: settings.rooms_left.keys,
        crypto: online.crypto,
        forgetRows: (roomId) => {
            ledger.holdings.forget(roomId);
            ledger.timelines.forget(roomId);
            ledger.files.forget(roomId);
        },
        removeCopies: () => {
            const { database, cryptoStore } = store.folder;
            for (const path of [database, cryptoStore]) rmSync(`${path}.before-upgrade`, { force: true });
        },
        log,
        clock: ledger.clock,
        random: Math.random,
    });
    releases.add("the keys of rooms that were left", () => forgetting.stop());
    return forgetting;
}
