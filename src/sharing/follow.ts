import type { DatabaseSync } from "node:sqlite";
import type { Settings } from "../config/index.ts";
import type { OwnIdentity, RoomHoldings } from "../crypto/index.ts";
import type { RoomChanges } from "../rooms/index.ts";
import { Sealings } from "./delivery/sealings.ts";
import { restateInviters, stopForRemoved } from "./policy/inviter-changed.ts";
import { recordMemberships, recordOwnLeave, releaseEmptyHanded, releaseEmpowered, releaseOnceUsed } from "./record.ts";
import type { SharingRecords } from "./records.ts";
import { recordInvites, releaseUncovered } from "./reinvite/reinvite-record.ts";
import { reconsiderRooms } from "./room-changed.ts";

// What sharing makes of what the rest of the bot sees. Every call stands in a transaction of the caller's.

/** A batch of the sync. @param joined the rooms of the batch that the bot is in */
export function followBatch(
    records: SharingRecords,
    { memberships, selfLeft }: Pick<RoomChanges, "memberships" | "selfLeft">,
    joined: readonly string[],
): void {
    const { facts, jobs, checks, rooms, reinvites, botInvitees, followedRooms, clock, now } = records;
    const { botUserId } = facts;
    const parts = { botUserId, jobs, checks, rooms };
    recordMemberships(parts, memberships);
    recordInvites({ botUserId, reinvites, now: () => clock.now() }, memberships);
    botInvitees.record({ botUserId, now }, memberships);
    for (const { roomId } of selfLeft) {
        recordOwnLeave(parts, roomId);
        botInvitees.forget(roomId);
        followedRooms.forget(roomId);
    }
    stopForRemoved(records, memberships);
    restateInviters(records, joined);
    releaseEmpowered(parts);
    reconsiderRooms(records, joined);
}

/**
 * Keys of these rooms may have come: jobs that found none go on, and so do bundles that were sent and may not have been
 * opened yet.
 */
export function followKeys(records: FollowedKeys, roomIds: readonly string[], counts: Counts): void {
    const { clock, holdings, refreshes } = records;
    for (const [roomId, count] of counts) holdings.set(roomId, count);
    releaseEmptyHanded(records, roomIds);
    refreshes.note(roomIds, clock.now());
}

type Counts = ReadonlyMap<string, RoomHoldings>;
type FollowedKeys = Pick<SharingRecords, "clock" | "facts" | "holdings" | "jobs" | "refreshes">;

/** What the bot can hand on of this room was counted anew. */
export function followCoverage(records: SharingRecords, roomId: string): void {
    releaseUncovered(records);
    if (records.timelines.isCountedUsable(roomId)) releaseOnceUsed(records, roomId);
}

/** How our device stands with the published identity: what deliveries and notices make of it. */
export function followIdentity(
    { jobs, notices }: Pick<SharingRecords, "jobs" | "notices">,
    { state }: OwnIdentity,
): void {
    notices.identity(state === "ours" ? undefined : state);
    if (state === "ours") jobs.botIsCrossSigned();
}

/**
 * The bot starts, with its identity in order: the configuration may be another, and what the last run did not live to
 * see the end of is not done again at once.
 */
export function followStart(sql: DatabaseSync, records: StartedRecords, { sharing, rooms }: StartSettings): void {
    const { modes, now } = records;
    const ofRooms = new Map<string, string>();
    for (const [roomId, { mode }] of Object.entries(rooms)) if (mode !== undefined) ofRooms.set(roomId, mode);
    modes.replace(sharing.mode, ofRooms);
    new Sealings(sql).start(now());
    followIdentity(records, { state: "ours" });
}

type StartedRecords = Pick<SharingRecords, "jobs" | "modes" | "notices" | "now">;
type StartSettings = Pick<Settings, "sharing" | "rooms">;
