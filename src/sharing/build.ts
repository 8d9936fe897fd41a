import type { CryptoPort, OutgoingRequests } from "../crypto/index.ts";
import type { Database } from "../database/index.ts";
import type { Homeserver } from "../homeserver/index.ts";
import { serverOf } from "../matrix/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { RoomBundles } from "./bundle/room-bundles.ts";
import { ConcurrencyLimit } from "./concurrency/concurrency-limit.ts";
import { BundleMessages } from "./delivery/bundle-messages.ts";
import { DeviceKeys } from "./delivery/device-keys.ts";
import { GivenFiles } from "./given-files.ts";
import type { SharingRecords } from "./records.ts";
import { BundleRefresher } from "./refresh.ts";
import { ShareRunner } from "./runner.ts";
import { DeviceWatch } from "./watch.ts";

export interface SharingParts {
    readonly database: Database;
    readonly records: SharingRecords;
    readonly crypto: CryptoPort;
    readonly homeserver: Homeserver;
    readonly outgoing: OutgoingRequests;
    readonly log: Logger;
    /** In [0, 1). */
    readonly random: () => number;
    /** A job has come to rest: somebody may have to be told. */
    readonly settled: () => void;
    /** Told how each part is stopped; what is told of last is to be stopped first. */
    readonly onStop: (name: string, stop: () => Promise<void>) => void;
}

/** Sharing in a running bot. It does nothing before it is woken for the first time. */
export interface Sharing {
    /** Other users' keys, as their homeservers say. */
    readonly deviceKeys: Pick<DeviceKeys, "look">;
    /** Looks for what has fallen due. */
    wake(): void;
    /** The same for share jobs alone. */
    wakeJobs(): void;
    /** Keys of these rooms have come: jobs that are under way take them along. */
    keysCame(roomIds: readonly string[]): void;
}

/** Rooms whose bundles are built and uploaded at once. */
const bundlesAtOnce = 4;

/** Builds what delivers, watches, refreshes and looks after what was given, over these records. */
export function buildSharing(given: SharingParts): Sharing {
    const { database, records, crypto, homeserver, outgoing, log, random, settled, onStop } = given;
    const { facts, files, timelines, now } = records;
    const { botUserId } = facts;
    const deviceKeys = new DeviceKeys({ ownServer: serverOf(botUserId), crypto, homeserver, outgoing });
    const bundles = new RoomBundles({
        ...records,
        database,
        sessionTimes: (roomId) => timelines.sessionTimes(roomId),
        timesVersion: (roomId) => timelines.timesVersion(roomId),
        crypto,
        homeserver,
        building: new ConcurrencyLimit(bundlesAtOnce),
    });
    const parts = {
        ...records,
        botUserId,
        database,
        files,
        bundles,
        isUsable: (roomId: string) => timelines.isUsable(crypto, roomId),
        deviceKeys,
        messages: new BundleMessages({ database, crypto, homeserver, now }),
        homeserver,
        settled,
        random,
        log,
    };
    const runner = new ShareRunner(parts);
    onStop("sharing", () => runner.stop());
    const watch = new DeviceWatch({ ...parts, released: () => runner.wake() });
    onStop("the watch for devices", () => watch.stop());
    const refresher = new BundleRefresher(parts);
    onStop("the refreshing of bundles", () => refresher.stop());
    const givenFiles = new GivenFiles({ ...parts, fileGone: () => refresher.wake() });
    onStop("the look at files that were given", () => givenFiles.stop());
    return {
        deviceKeys,
        wake: () => {
            runner.wake();
            watch.wake();
            refresher.wake();
            givenFiles.wake();
        },
        wakeJobs: () => runner.wake(),
        keysCame: (roomIds) => runner.keysCame(roomIds),
    };
}
