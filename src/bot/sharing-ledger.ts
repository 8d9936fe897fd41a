import type { Settings } from "../config/index.ts";
import { sharingPolicy } from "../config/index.ts";
import type { Database } from "../database/index.ts";
import { ReceivedBundles } from "../receiving/index.ts";
import { RoomReader } from "../rooms/index.ts";
import {
    Audit,
    type FactSources,
    FollowedRooms,
    FormerMembers,
    Holdings,
    IdentityPins,
    Lookalikes,
    Notices,
    Pauses,
    Refreshes,
    ReinviteChecks,
    ReinviteLedger,
    ShareCommands,
    SharingEvidence,
    type SharedHistory,
    ShareJobs,
} from "../sharing/index.ts";
import { type Coverage, Timelines } from "../timeline/index.ts";

/** What sharing keeps in the database and the commands on it: the same with a running bot and without one. */
export interface SharingLedger {
    readonly rooms: RoomReader;
    readonly jobs: ShareJobs;
    readonly pins: IdentityPins;
    readonly pauses: Pauses;
    readonly checks: ReinviteChecks;
    readonly reinvites: ReinviteLedger;
    readonly history: SharedHistory;
    readonly holdings: Holdings;
    readonly audit: Audit;
    readonly notices: Notices;
    readonly followedRooms: FollowedRooms;
    readonly formerMembers: FormerMembers;
    readonly refreshes: Refreshes;
    readonly facts: FactSources;
    readonly commands: ShareCommands;
    readonly timelines: Timelines;
    readonly received: ReceivedBundles;
    readonly evidence: SharingEvidence;
}

export function sharingLedger(database: Database, settings: Settings): SharingLedger {
    const now = Date.now;
    const rooms = new RoomReader(database);
    const jobs = new ShareJobs(database.sql, now);
    const pins = new IdentityPins(database.sql);
    const pauses = new Pauses(database.sql);
    const audit = new Audit(database.sql);
    const timelines = new Timelines(database);
    const facts: FactSources = {
        botUserId: settings.homeserver.user_id,
        rooms,
        pauses,
        policy: (roomId) => sharingPolicy(settings, roomId),
        audit,
        lookalikes: new Lookalikes(),
        now,
    };
    return {
        rooms,
        jobs,
        pins,
        pauses,
        checks: new ReinviteChecks(database.sql),
        reinvites: new ReinviteLedger(database.sql),
        history: {
            coverage: (roomId) => completeness(timelines.coverage(roomId)),
            inviterMayShare: (roomId, inviter) => timelines.coverage(roomId)?.withoutSigns.includes(inviter) !== true,
        },
        holdings: new Holdings(database.sql),
        audit,
        notices: new Notices(database.sql),
        followedRooms: new FollowedRooms(database.sql),
        formerMembers: new FormerMembers(database.sql),
        refreshes: new Refreshes(database.sql),
        facts,
        timelines,
        evidence: new SharingEvidence(database.sql),
        received: new ReceivedBundles(database.sql),
        commands: new ShareCommands({ database, jobs, pins, pauses, facts, rooms, now }),
    };
}

/** While a room's beginning is still looked for, nobody knows. */
function completeness(coverage: Coverage | undefined): ReturnType<SharedHistory["coverage"]> {
    if (coverage?.complete === true) return "complete";
    return coverage === undefined || coverage.reach === "under_way" ? "unknown" : "incomplete";
}
