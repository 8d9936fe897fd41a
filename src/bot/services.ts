import { rmSync } from "node:fs";
import { Greetings } from "../chat/index.ts";
import { type Settings, sharingPolicy } from "../config/index.ts";
import { guardOwnIdentity, OutgoingRequests } from "../crypto/index.ts";
import type { Failure } from "../failures/index.ts";
import { retryAfterOf } from "../homeserver/index.ts";
import { serverOf } from "../matrix/index.ts";
import { Invitations, LeftRooms } from "../rooms/index.ts";
import { deriveSeal } from "../sealing/index.ts";
import {
    AtMost,
    BundleFiles,
    BundleMessages,
    BundleRefresher,
    DeviceKeys,
    DeviceWatch,
    reconsiderRooms,
    GivenFiles,
    JobDevices,
    Modes,
    releaseOnceUsed,
    releaseUncovered,
    RoomBundles,
    Sealings,
    ShareRunner,
    Watches,
} from "../sharing/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { Online } from "./bring-up.ts";
import { chatParts } from "./chat.ts";
import type { Store } from "./folder/store.ts";
import { startSync } from "./follow-homeserver.ts";
import { AgeOfCopies } from "./guards/age-of-copies.ts";
import { Forgetting } from "./keys/forgetting.ts";
import { SessionFacts } from "./keys/session-facts.ts";
import { bundleReceiver } from "./receiving.ts";
import { followRooms } from "./recording/follow-rooms.ts";
import { followIdentity, identityProblems, recordOwnIdentity } from "./recording/own-identity.ts";
import type { SharingLedger } from "./recording/sharing-ledger.ts";
import { StockTaking, takeStock } from "./recording/stock.ts";
import { sendRequest } from "./send-request.ts";
import type { Releases } from "./shutdown.ts";
import { timelineServices } from "./timelines.ts";

export interface ServicesOptions {
    readonly settings: Settings;
    readonly store: Store;
    readonly ledger: SharingLedger;
    readonly online: Online;
    readonly log: Logger;
    /** Aborts when the bot stops, and with it every request. */
    readonly signal: AbortSignal;
    readonly releases: Releases;
    readonly end: (failure: Failure | undefined) => void;
}

/** Everything that works on rooms once the account is ready. */
export interface Services {
    /** Resolves after the first recorded batch. */
    readonly ready: Promise<void>;
    /** Has every part look for what has fallen due. */
    wake(): void;
    /** Follows the homeserver from the beginning again: it was restored from an older state. */
    startSyncAnew(): void;
    /** A copy of the store was made: from now on it is an old one. */
    storeCopied(): void;
    /** The rooms whose counts may be out of date. */
    readonly stock: StockTaking;
    /** What keeps the sync from recording, or from sharing anything, in sentences. */
    problems(): readonly string[];
}

/** Starts the parts that only react before the sync that feeds them; `releases` stops them in reverse. */
export function startServices(given: ServicesOptions): Services {
    const facts = new SessionFacts({
        database: given.store.database,
        ...given.ledger,
        leftRooms: new LeftRooms(given.store.database),
        crypto: given.online.crypto,
        hasAge: (roomId) => sharingPolicy(given.settings, roomId).max_age !== null,
        rejudged: (roomIds) => {
            stock
                .take(roomIds)
                .then(() => wake())
                .catch((error: unknown) => given.log.warn({ err: error }, "rooms could not be counted; a later batch repeats it"));
        },
    });
    const crypto = guardOwnIdentity(facts.informed(given.online.crypto), given.online.account, (identity) => {
        if (recordOwnIdentity({ ...given, ...given.store, now: Date.now }, identity)) wake();
    });
    const options = { ...given, online: { ...given.online, crypto } };
    const { settings, store, ledger, online, log, releases } = options;
    const { homeserver, account } = online;
    const outgoing = new OutgoingRequests({ crypto, send: sendRequest(homeserver), deviceId: account.deviceId, log });

    store.database.transaction(() => {
        const ofRooms = Object.entries(settings.rooms).flatMap(([roomId, { mode }]) =>
            mode === undefined ? [] : [[roomId, mode] as const],
        );
        new Modes(store.database.sql).replace(settings.sharing.mode, new Map(ofRooms));
        new Sealings(store.database.sql).start(Date.now());
        // The start has put it in order.
        followIdentity(ledger, { state: "ours" });
    });
    const { greeter, notifier, verification } = chatParts(
        options,
        outgoing,
        (roomId) => receiver.isLookingAt(roomId),
        // The next batch, which brings what was said, counts the room.
        (roomId) => stock.note([roomId]),
    );
    const sharing = sharingParts(options, outgoing, () => notifier.wake());
    ledger.clock.start(log);
    releases.add("the running clock", () => ledger.clock.stop());
    const runner = new ShareRunner(sharing);
    releases.add("sharing", () => runner.stop());
    const watch = new DeviceWatch({ ...sharing, released: () => runner.wake() });
    releases.add("the watch for devices", () => watch.stop());
    const refresher = new BundleRefresher(sharing);
    releases.add("the refreshing of bundles", () => refresher.stop());
    const givenFiles = new GivenFiles({ ...sharing, fileGone: () => refresher.wake() });
    releases.add("the look at files that were given", () => givenFiles.stop());
    releases.add("greetings", () => greeter.stop());
    releases.add("notices to admins", () => notifier.stop());
    releases.add("answers to verification requests", () => verification.stop());
    const receiver = bundleReceiver(options, sharing.deviceKeys, {
        keysCame: async (roomId) => {
            await stock.take([roomId]);
            wake();
        },
        looked: () => greeter.wake(),
    });
    const invitations = new Invitations({
        database: store.database,
        policy: settings.invites,
        join: (roomId, via) => homeserver.join(roomId, via),
        leave: (roomId, reason) => homeserver.leave(roomId, reason),
        retryAfterOf,
        logger: log,
        now: () => ledger.clock.now(),
    });
    releases.add("invitations", () => invitations.stop());
    // Before the first batch the rooms are as they were when the bot went down: nobody acts on that.
    let caughtUp = false;
    const wake = (): void => {
        if (!caughtUp) return;
        runner.wake();
        watch.wake();
        refresher.wake();
        givenFiles.wake();
        receiver.wake();
        greeter.wake();
        notifier.wake();
        verification.wake();
        invitations.wake();
        timelines.wake();
    };
    const greetings = settings.chat.greeting ? new Greetings(store.database) : undefined;
    const counted = (roomId: string): void => {
        runner.keysCame([roomId]);
        store.database.transaction(() => {
            releaseUncovered(ledger);
            if (ledger.timelines.isCountedUsable(roomId)) releaseOnceUsed(ledger, roomId);
            followRooms({ botUserId: settings.homeserver.user_id, ledger, greetings, now: Date.now }, [roomId]);
        });
        runner.wake();
        greeter.wake();
    };
    const timelines = timelineServices(options, counted);
    const forgetting = keyForgetting(options, () => facts.tellRooms());
    releases.add("the keys of rooms that were left", () => forgetting.stop());
    const joined = ledger.rooms.joined().map(({ roomId }) => roomId);
    const stock = new StockTaking(joined, async (roomIds) => {
        await facts.tellOwners();
        runner.keysCame(roomIds);
        await takeStock(store.database, ledger, crypto, roomIds);
    });
    const announced = (roomIds: readonly string[]): void => receiver.announced(roomIds);
    const roomsMoved = (): void => facts.roomsMoved();
    const followers = { recorder: timelines.recorder, stock, announced, roomsMoved, verification };
    const sync = startSync(options, outgoing, followers, () => {
        if (!caughtUp) {
            // The configuration may be another since the last start.
            store.database.transaction(() => reconsiderRooms(ledger));
            invitations.start();
            forgetting.start();
        }
        caughtUp = true;
        wake();
    });
    const age = new AgeOfCopies(online.account.generation, { ...options, commits: () => store.mark.commits });
    age.start();
    releases.add("the guard against old copies", () => age.stop());
    return {
        ready: sync.ready(),
        wake,
        startSyncAnew: () => sync.startAnew(),
        storeCopied: () => age.count(),
        stock,
        problems: () => {
            const ofSync = sync.problem?.code === "disk" ? [sync.problem.message] : [];
            return [...ofSync, ...identityProblems(store.database)];
        },
    };
}

type SharingParts = ConstructorParameters<typeof ShareRunner>[0] &
    Omit<ConstructorParameters<typeof DeviceWatch>[0], "released"> &
    ConstructorParameters<typeof BundleRefresher>[0] &
    Omit<ConstructorParameters<typeof GivenFiles>[0], "fileGone">;

function sharingParts(
    { settings, store, ledger, online, log }: ServicesOptions,
    outgoing: OutgoingRequests,
    settled: () => void,
): SharingParts {
    const { homeserver, crypto } = online;
    const { sql } = store.database;
    const files = bundleFiles(store);
    return {
        botUserId: settings.homeserver.user_id,
        database: store.database,
        ...ledger,
        devices: new JobDevices(sql),
        watches: new Watches(sql),
        files,
        bundles: new RoomBundles({
            database: store.database,
            ...ledger,
            files,
            sessionTimes: (roomId) => ledger.timelines.sessionTimes(roomId),
            timesVersion: (roomId) => ledger.timelines.timesVersion(roomId),
            crypto,
            homeserver,
            building: new AtMost(4),
            now: Date.now,
        }),
        isUsable: (roomId) => ledger.timelines.isUsable(crypto, roomId),
        deviceKeys: new DeviceKeys({ ownServer: serverOf(settings.homeserver.user_id), crypto, homeserver, outgoing }),
        messages: new BundleMessages({ database: store.database, crypto, homeserver, now: Date.now }),
        homeserver,
        settled,
        now: Date.now,
        random: Math.random,
        log,
    };
}

function keyForgetting(options: ServicesOptions, tellRooms: () => Promise<void>): Forgetting {
    const { settings, store, ledger, online, log } = options;
    return new Forgetting({
        tellRooms,
        database: store.database,
        leftRooms: new LeftRooms(store.database),
        after: settings.rooms_left.keys,
        crypto: online.crypto,
        forgetRows: (roomId) => {
            ledger.holdings.forget(roomId);
            ledger.timelines.forget(roomId);
            bundleFiles(store).forget(roomId);
        },
        removeCopies: () => {
            for (const path of [store.folder.database, store.folder.cryptoStore]) rmSync(`${path}.before-upgrade`, { force: true });
        },
        log,
        clock: ledger.clock,
        random: Math.random,
    });
}

function bundleFiles({ database, storeKey }: Store): BundleFiles {
    return new BundleFiles(database.sql, deriveSeal(storeKey, "sharing"));
}
