import { adminOf, type Greetings } from "../../chat/index.ts";
import type { SyncBatch } from "../../matrix/index.ts";
import type { LeftRooms, RoomRecorder } from "../../rooms/index.ts";
import { followBatch } from "../../sharing/index.ts";
import type { TimelineRecorder } from "../../timeline/index.ts";
import { followRooms } from "./follow-rooms.ts";
import type { SharingLedger } from "./sharing-ledger.ts";

export interface RecordingParts {
    readonly botUserId: string;
    readonly rooms: RoomRecorder;
    readonly timelines: TimelineRecorder;
    readonly ledger: SharingLedger;
    readonly leftRooms: LeftRooms;
    /** Undefined: greeting is off. */
    readonly greetings: Greetings | undefined;
    /** Whether `invites.from` names this user. */
    readonly mayInvite: (userId: string) => boolean;
}

/**
 * What is written for a batch, in one transaction with the sync token: first what the rooms are, then what follows
 * from it. Answers whether the bot is in other rooms now, or invited to others.
 */
export function recordBatch(recording: RecordingParts, batch: SyncBatch): boolean {
    const { botUserId, rooms, timelines, ledger, leftRooms, greetings, mayInvite } = recording;
    const changes = rooms.record(batch);
    timelines.record(batch);
    followBatch(ledger, changes, [...batch.joined.keys()]);
    for (const { roomId } of changes.selfLeft) {
        ledger.received.forget(roomId);
        leftRooms.left(roomId);
    }
    for (const roomId of batch.joined.keys()) leftRooms.back(roomId);
    // Others can be the inviter, too: where the bot follows a tombstone, or was invited again while it joined.
    for (const { roomId, inviter, invitedAfter } of changes.selfJoined)
        if (inviter !== undefined && mayInvite(inviter))
            ledger.received.expect(roomId, inviter, Date.now(), invitedAfter);
    // A room found in the very first sync is not new to the people there, and its direct rooms with admins are for
    // something else.
    for (const { roomId, firstSync } of changes.selfJoined)
        if (!firstSync && adminOf(ledger.rooms.createdBy(roomId, botUserId)) === undefined)
            greetings?.owe(roomId, `backscroll-greeting-${batch.nextBatch}-${roomId}`);
    followRooms({ botUserId, ledger, greetings, now: Date.now }, batch.joined.keys());
    return changes.selfJoined.length + changes.selfInvited.length + changes.selfLeft.length > 0;
}
