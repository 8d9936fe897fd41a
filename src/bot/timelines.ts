import { setTimeout as sleep } from "node:timers/promises";
import { lastSuccessAt } from "../sync/index.ts";
import { BackFill, CoverageCount, TimelineRecorder } from "../timeline/index.ts";
import type { ServicesOptions } from "./services.ts";

/**
 * What follows the rooms' timelines: the recording, the search for what came before, and the count of what we can hand
 * on.
 */
export interface TimelineServices {
    readonly recorder: TimelineRecorder;
    wake(): void;
}

/** @param counted after the coverage of this room was counted anew */
export function timelineServices(
    { store, ledger, online, log, releases }: ServicesOptions,
    counted: (roomId: string) => void,
): TimelineServices {
    const { database } = store;
    const { homeserver, crypto } = online;
    const now = Date.now;
    const steady = { monotonic: () => performance.now(), random: Math.random };
    const recorder = new TimelineRecorder({ database, lastBatchAt: () => lastSuccessAt(database), now });
    // Rooms from before there was such a record.
    database.transaction(() => recorder.adopt(ledger.rooms.joined().map(({ roomId }) => roomId)));
    const rest = (milliseconds: number, signal: AbortSignal): Promise<void> =>
        sleep(milliseconds, undefined, { signal }).catch(() => undefined);
    const { evidence } = ledger;
    const count = new CoverageCount({
        database,
        crypto,
        inviterWithoutBundle: (roomId) => evidence.inviterWithoutBundle(roomId),
        keptToThemselves: (roomId, inviter) => evidence.keptToThemselves({ roomId, ...inviter }, now()),
        counted,
        ...steady,
        rest,
        log,
    });
    releases.add("the count of what is covered", () => count.stop());
    const backFill = new BackFill({ database, homeserver, recorded: () => count.wake(), now, ...steady, rest, log });
    releases.add("the search for earlier events", () => backFill.stop());
    return {
        recorder,
        wake: () => {
            count.wake();
            backFill.wake();
        },
    };
}
