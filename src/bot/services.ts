import { Greetings } from "../chat/index.ts";
import type { Settings } from "../config/index.ts";
import { OutgoingRequests } from "../crypto/index.ts";
import type { Failure } from "../failures/index.ts";
import { buildSharing, followCoverage, followStart, reconsiderRooms } from "../sharing/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { Online } from "./bring-up.ts";
import { chatParts } from "./chat.ts";
import type { Store } from "./folder/store.ts";
import { startSync } from "./follow-homeserver.ts";
import { AgeOfCopies } from "./guards/age-of-copies.ts";
import { informedCrypto } from "./informed-crypto.ts";
import { ownInvitations } from "./invitations.ts";
import { keyForgetting } from "./key-forgetting.ts";
import { bundleReceiver } from "./receiving.ts";
import { followRooms } from "./recording/follow-rooms.ts";
import { identityProblems } from "./recording/own-identity.ts";
import type { SharingLedger } from "./recording/sharing-ledger.ts";
import { Recount, recountRooms } from "./recording/recount.ts";
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
    readonly recount: Recount;
    /** What keeps the sync from recording, or from sharing anything, in sentences. */
    problems(): readonly string[];
}

/** Starts the parts that only react before the sync that feeds them; `releases` stops them in reverse. */
export function startServices(given: ServicesOptions): Services {
    const { settings, store, ledger, log, releases } = given;
    const { homeserver, account } = given.online;
    const { database } = store;
    // Before the first batch the rooms are as they were when the bot went down: nobody acts on that.
    let caughtUp = false;
    const wake = (): void => {
        if (!caughtUp) return;
        for (const part of [sharing, receiver, greeter, notifier, verification, invitations, timelines]) part.wake();
    };
    const { crypto, facts } = informedCrypto(given, {
        rejudged: (roomIds) => countAgain(roomIds),
        identityHeard: wake,
    });
    const options = { ...given, online: { ...given.online, crypto } };
    const outgoing = new OutgoingRequests({ crypto, send: sendRequest(homeserver), deviceId: account.deviceId, log });

    database.transaction(() => followStart(database.sql, ledger, settings));
    const { greeter, notifier, verification } = chatParts(
        options,
        outgoing,
        (roomId) => receiver.isLookingAt(roomId),
        // The next batch, which brings what was said, counts the room.
        (roomId) => recount.note([roomId]),
    );
    ledger.clock.start(log);
    releases.add("the running clock", () => ledger.clock.stop());
    const sharing = buildSharing({
        database,
        records: ledger,
        crypto,
        homeserver,
        outgoing,
        log,
        random: Math.random,
        settled: () => notifier.wake(),
        onStop: (name, stop) => releases.add(name, stop),
    });
    releases.add("greetings", () => greeter.stop());
    releases.add("notices to admins", () => notifier.stop());
    releases.add("answers to verification requests", () => verification.stop());
    const receiver = bundleReceiver(options, sharing.deviceKeys, {
        keysCame: async (roomId) => {
            await recount.count([roomId]);
            wake();
        },
        looked: () => greeter.wake(),
    });
    const invitations = ownInvitations(options);
    const greetings = settings.chat.greeting ? new Greetings(database) : undefined;
    const timelines = timelineServices(options, (roomId) => {
        sharing.keysCame([roomId]);
        database.transaction(() => {
            followCoverage(ledger, roomId);
            followRooms({ botUserId: settings.homeserver.user_id, ledger, greetings, now: Date.now }, [roomId]);
        });
        sharing.wakeJobs();
        greeter.wake();
    });
    const forgetting = keyForgetting(options, () => facts.tellRooms());
    const joined = ledger.rooms.joined().map(({ roomId }) => roomId);
    const recount = new Recount(joined, async (roomIds) => {
        await facts.tellOwners();
        sharing.keysCame(roomIds);
        await recountRooms(database, ledger, crypto, roomIds);
    });
    const countAgain = (roomIds: readonly string[]): void => {
        recount
            .count(roomIds)
            .then(wake)
            .catch((err: unknown) => log.warn({ err }, "rooms could not be counted; a later batch repeats it"));
    };
    const followers = { recorder: timelines.recorder, recount, receiver, facts, verification };
    const sync = startSync(options, outgoing, followers, () => {
        if (!caughtUp) {
            // The configuration may be another since the last start.
            database.transaction(() => reconsiderRooms(ledger));
            invitations.start();
            forgetting.start();
        }
        caughtUp = true;
        wake();
    });
    const age = new AgeOfCopies(account.generation, { ...options, commits: () => store.mark.commits });
    age.start();
    releases.add("the guard against old copies", () => age.stop());
    return {
        ready: sync.ready(),
        wake,
        startSyncAnew: () => sync.startAnew(),
        storeCopied: () => age.count(),
        recount,
        problems: () => {
            const ofDisk = sync.problem?.code === "disk" ? [sync.problem.message] : [];
            return [...ofDisk, ...identityProblems(database)];
        },
    };
}
