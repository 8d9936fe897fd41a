import { Greetings, type VerificationAnswerer } from "../chat/index.ts";
import type { OutgoingRequests } from "../crypto/index.ts";
import { Failure } from "../failures/index.ts";
import type { BundleReceiver } from "../receiving/index.ts";
import { LeftRooms, mayInviteTheBot, RoomRecorder } from "../rooms/index.ts";
import { lastSuccessAt, SyncLoop } from "../sync/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { TimelineRecorder } from "../timeline/index.ts";
import type { SessionFacts } from "./keys/session-facts.ts";
import { recordBatch } from "./recording/record-batch.ts";
import type { Recount } from "./recording/recount.ts";
import type { ServicesOptions } from "./services.ts";

interface SyncFollowers {
    readonly recorder: TimelineRecorder;
    readonly recount: Recount;
    /** Bundles may have been announced. */
    readonly receiver: Pick<BundleReceiver, "announced">;
    /** The bot may be in other rooms now, or invited to others. */
    readonly facts: Pick<SessionFacts, "roomsMoved">;
    readonly verification: Pick<VerificationAnswerer, "askedByDevices" | "askedInRooms">;
}

/** Starts to follow the homeserver. The sync's own end, which only a fault or lost credentials bring, ends the run. */
export function startSync(
    { settings, store, ledger, online, log, signal, releases, end }: ServicesOptions,
    outgoing: OutgoingRequests,
    { recorder, recount, receiver, facts, verification }: SyncFollowers,
    caughtUp: () => void,
): SyncLoop {
    const { homeserver, crypto, account } = online;
    const recording = {
        botUserId: account.userId,
        rooms: new RoomRecorder({
            database: store.database,
            userId: account.userId,
            lastBatchAt: () => lastSuccessAt(store.database),
            now: Date.now,
        }),
        timelines: recorder,
        ledger,
        leftRooms: new LeftRooms(store.database),
        greetings: settings.chat.greeting ? new Greetings(store.database) : undefined,
        mayInvite: (inviter: string) => mayInviteTheBot(inviter, settings.invites),
    };
    // A quiet batch has nothing for the machine, and the machine nothing for the homeserver.
    let flushDue = true;
    let unreadableKeysOf: readonly string[] = [];
    let haveRoomsMoved = false;
    const sync = new SyncLoop({
        homeserver,
        database: store.database,
        userId: account.userId,
        deviceId: account.deviceId,
        receive: async (changes) => {
            const received = await crypto.receive(changes);
            verification.askedByDevices(received.verificationRequests);
            flushDue ||= received.reachedMachine;
            unreadableKeysOf = received.unreadableKeysOf;
            warnOfUnreadableKeys(unreadableKeysOf, log);
            return received.rooms;
        },
        record: (batch, isBack) => {
            haveRoomsMoved = recordBatch(recording, batch);
            verification.askedInRooms(batch);
            ledger.unreadableKeys.note(unreadableKeysOf, Date.now());
            if (isBack) ledger.jobs.homeserverIsBack();
        },
        afterBatch: (roomIds) => {
            unreadableKeysOf = [];
            if (haveRoomsMoved) facts.roomsMoved();
            caughtUp();
            receiver.announced(roomIds);
            if (flushDue) flush();
            recount
                .count(roomIds)
                .then((counted) => (counted ? caughtUp() : undefined))
                .catch(endIfFatal);
        },
        restMs: 100,
        logger: log,
        now: Date.now,
    });
    const running = sync.run(signal).catch((error: unknown) => end(failureOf(error, log)));
    releases.add("the sync", () => running);
    return sync;

    function flush(): void {
        flushDue = false;
        outgoing
            .flush()
            .then((sent) => {
                flushDue ||= !sent;
            })
            .catch((error: unknown) => {
                flushDue = true;
                endIfFatal(error);
            });
    }

    /** What waiting heals, a full disk or an absent homeserver, is done again after a later batch. */
    function endIfFatal(error: unknown): void {
        if (error instanceof Failure && error.code === "one_time_keys_conflict") end(error);
        else log.warn({ err: error }, "what follows a batch failed; a later batch repeats it");
    }
}

function warnOfUnreadableKeys(senders: readonly string[], log: Logger): void {
    for (const user of new Set(senders)) {
        const keys = senders.filter((sender) => sender === user).length;
        log.warn(
            { operation: "receive", user, keys },
            "room keys are lost: nobody can read how their sender's client spells the flag",
        );
    }
}

function failureOf(error: unknown, log: Logger): Failure {
    if (error instanceof Failure) return error;
    log.error({ err: error }, "the sync ended unexpectedly");
    return new Failure(
        "sync_died",
        { detail: error instanceof Error ? error.message : String(error) },
        { cause: error },
    );
}
