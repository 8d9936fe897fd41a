import { adminOf, type Greetings } from "../../chat/index.ts";
import type { Rooms } from "../../rooms/index.ts";
import { type SharingPolicy, type SharingRecords, troublesOf } from "../../sharing/index.ts";
import type { Timelines } from "../../timeline/index.ts";

export interface FollowParts {
    readonly botUserId: string;
    readonly ledger: {
        readonly rooms: Pick<Rooms, "room" | "canInvite" | "createdBy">;
        readonly timelines: Pick<Timelines, "coverage">;
        readonly facts: { readonly policy: (roomId: string) => Pick<SharingPolicy, "reinvite_thresholds"> };
        readonly followedRooms: Pick<SharingRecords["followedRooms"], "see" | "note">;
    };
    /** Undefined: greeting is off. */
    readonly greetings: Pick<Greetings, "isOwed"> | undefined;
    readonly now: () => number;
}

/**
 * From this share of a room's known messages on the bot serves it well: it takes the place of any inviter of whom
 * nothing is known.
 */
export function enoughCovered({ reinvite_thresholds: { likely } }: Pick<SharingPolicy, "reinvite_thresholds">): number {
    return likely / 100;
}

/** Notes what changed in rooms that were greeted, for the notices to admins; inside the transaction that records it. */
export function followRooms({ botUserId, ledger, greetings, now }: FollowParts, roomIds: Iterable<string>): void {
    const { rooms, timelines, followedRooms, facts } = ledger;
    for (const roomId of roomIds) {
        const room = rooms.room(roomId);
        if (room === undefined || greetings?.isOwed(roomId) === true) continue;
        // A direct room with an admin is for something else.
        if (adminOf(rooms.createdBy(roomId, botUserId)) !== undefined) continue;
        const canInvite = rooms.canInvite(roomId, botUserId);
        const coverage = timelines.coverage(roomId);
        followedRooms.see(
            roomId,
            troublesOf({ room, canInvite, coverage, enough: enoughCovered(facts.policy(roomId)) }),
            now(),
        );
    }
    followedRooms.note(now());
}
