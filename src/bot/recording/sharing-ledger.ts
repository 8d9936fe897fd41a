import { identityStatus } from "../../account/index.ts";
import { type Settings, sharingPolicy } from "../../config/index.ts";
import { RunningClock } from "../../due/index.ts";
import { ReceivedBundles } from "../../receiving/index.ts";
import { RoomReader } from "../../rooms/index.ts";
import { deriveSeal } from "../../sealing/index.ts";
import { type SharingRecords, sharingRecords } from "../../sharing/index.ts";
import { Timelines } from "../../timeline/index.ts";
import type { Store } from "../folder/store.ts";

/** Sharing's records, with those of other parts that go with them: the same with a running bot and without one. */
export interface SharingLedger extends SharingRecords {
    /** It runs once it is started. */
    readonly clock: RunningClock;
    readonly received: ReceivedBundles;
}

type Kept = Pick<Store, "database" | "storeKey">;

export function sharingLedger({ database, storeKey }: Kept, settings: Settings): SharingLedger {
    const now = Date.now;
    const clock = new RunningClock({ database, monotonic: () => performance.now(), wall: now });
    const records = sharingRecords({
        database,
        seal: deriveSeal(storeKey, "sharing"),
        botUserId: settings.homeserver.user_id,
        policy: (roomId) => sharingPolicy(settings, roomId),
        rooms: new RoomReader(database),
        timelines: new Timelines(database),
        clock,
        isCrossSigned: () => (identityStatus(database)?.state ?? "ours") === "ours",
        now,
    });
    return { ...records, clock, received: new ReceivedBundles(database.sql) };
}
