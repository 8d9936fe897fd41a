import type { Database } from "../database/index.ts";
import { hasWholeState, type JoinedRoomChanges, type SyncBatch } from "../matrix/index.ts";
import { Gaps } from "./gaps.ts";
import { SessionOwners } from "./session-owners.ts";
import { firstMessageEver, SessionUses } from "./session-uses.ts";
import { TimelineRooms } from "./timeline-rooms.ts";

/**
 * How much older than the batch before it a new event may claim to be: a server that was away for longer is rare, and a
 * week is old enough then.
 */
const latestMs = 7 * 24 * 3_600_000;

export interface TimelineParts {
    /** Opened with `timelineSchema`. */
    readonly database: Database;
    /** When the last batch was recorded; undefined before the first. Milliseconds since the epoch, as `now`. */
    readonly lastBatchAt: () => number | undefined;
    readonly now: () => number;
}

/** Writes down what a sync batch says of the sessions that encrypt the rooms' events, and where it left events out. */
export class TimelineRecorder {
    readonly #uses: SessionUses;
    readonly #owners: SessionOwners;
    readonly #gaps: Gaps;
    readonly #rooms: TimelineRooms;
    readonly #parts: TimelineParts;

    constructor(parts: TimelineParts) {
        this.#parts = parts;
        this.#uses = new SessionUses(parts.database);
        this.#owners = new SessionOwners(parts.database);
        this.#gaps = new Gaps(parts.database);
        this.#rooms = new TimelineRooms(parts.database);
    }

    /** Belongs inside the transaction that moves the sync token. */
    record(batch: SyncBatch): void {
        for (const [roomId, room] of batch.joined) this.#recordRoom(roomId, room, batch.since);
        for (const roomId of batch.left.keys()) this.#gaps.forget(roomId);
    }

    /**
     * Has rooms looked at from now backwards of whose timeline nothing was ever recorded; inside a transaction of the
     * caller's.
     */
    adopt(roomIds: readonly string[]): void {
        for (const roomId of roomIds) if (this.#rooms.add(roomId)) this.#gaps.add(roomId, undefined, undefined);
    }

    #recordRoom(roomId: string, room: JoinedRoomChanges, since: string | undefined): void {
        const isNew = this.#rooms.add(roomId);
        const missed = this.#noteGap(roomId, room, isNew || hasWholeState(room) ? undefined : since);
        const lastBatchAt = this.#parts.lastBatchAt() ?? firstMessageEver;
        const notBefore = missed ? firstMessageEver : lastBatchAt - latestMs;
        const { added } = this.#uses.record(roomId, room.timeline, {
            notBefore,
            notAfter: Math.max(this.#parts.now(), lastBatchAt),
        });
        if (missed) this.#rooms.setUnderWay(roomId);
        if (added > 0 || missed) this.#rooms.touch(roomId);
    }

    /**
     * Answers whether there is a gap.
     * @param known where our knowledge ended before this batch; undefined: we know nothing of the room, or of this stay
     * in it
     */
    #noteGap(roomId: string, { limited, prevBatch }: JoinedRoomChanges, known: string | undefined): boolean {
        if (known !== undefined && !limited) return false;
        // One that reaches to the beginning takes the place of all others, and of what was given up.
        if (known === undefined) {
            this.#gaps.forget(roomId);
            this.#rooms.setCut(roomId, false);
            this.#owners.tellAgain(roomId);
        }
        this.#gaps.add(roomId, prevBatch, known);
        return true;
    }
}
