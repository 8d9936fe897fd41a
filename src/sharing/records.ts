import type { Database } from "../database/index.ts";
import type { RunningClock } from "../due/index.ts";
import type { RoomReader } from "../rooms/index.ts";
import type { Seal } from "../sealing/index.ts";
import type { Timelines } from "../timeline/index.ts";
import { BundleFiles } from "./bundle/bundle-files.ts";
import { ShareCommands } from "./commands.ts";
import { SharingEvidence } from "./evidence/evidence.ts";
import { UnreadableKeyCounts } from "./evidence/unreadable-key-counts.ts";
import { Audit } from "./ledger/audit.ts";
import { JobDevices } from "./ledger/devices.ts";
import { FollowedRooms } from "./ledger/followed-rooms.ts";
import { Holdings } from "./ledger/holdings.ts";
import { ShareJobs } from "./ledger/jobs.ts";
import { Notices } from "./ledger/notices.ts";
import { Refreshes } from "./ledger/refreshes.ts";
import { Watches } from "./ledger/watches.ts";
import type { FactSources, SharingPolicy } from "./policy/facts.ts";
import { FormerMembers } from "./policy/former-members.ts";
import { Lookalikes } from "./policy/lookalike.ts";
import { Modes } from "./policy/modes.ts";
import { Pauses } from "./policy/pauses.ts";
import { IdentityPins } from "./policy/pins.ts";
import { BotInvitees } from "./reinvite/bot-invitees.ts";
import { ReinviteChecks } from "./reinvite/reinvite-check.ts";
import type { SharedHistory } from "./reinvite/reinvite-facts.ts";
import { ReinviteLedger } from "./reinvite/reinvite-ledger.ts";
import { sharedHistory } from "./reinvite/shared-history.ts";

export interface RecordsParts {
    /** Opened with `sharingSchemas`. */
    readonly database: Database;
    /** Of the keys of bundle files. */
    readonly seal: Seal;
    readonly botUserId: string;
    readonly policy: (roomId: string) => SharingPolicy;
    readonly rooms: RoomReader;
    readonly timelines: Timelines;
    /** By which everything falls due. */
    readonly clock: Pick<RunningClock, "now" | "ran">;
    /** Whether the bot's own device is signed by the identity that the homeserver publishes for it. */
    readonly isCrossSigned: () => boolean;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
}

/** What sharing keeps in the database and the commands on it: the same with a running bot and without one. */
export interface SharingRecords extends Pick<RecordsParts, "rooms" | "timelines" | "clock" | "now"> {
    readonly commands: ShareCommands;
    /** What decisions look at. */
    readonly facts: FactSources;
    readonly jobs: ShareJobs;
    readonly devices: JobDevices;
    readonly watches: Watches;
    readonly refreshes: Refreshes;
    readonly files: BundleFiles;
    readonly audit: Audit;
    readonly notices: Notices;
    readonly followedRooms: FollowedRooms;
    readonly holdings: Holdings;
    readonly modes: Modes;
    readonly pauses: Pauses;
    readonly pins: IdentityPins;
    readonly formerMembers: FormerMembers;
    readonly checks: ReinviteChecks;
    readonly reinvites: ReinviteLedger;
    readonly history: SharedHistory;
    readonly botInvitees: BotInvitees;
    readonly evidence: SharingEvidence;
    readonly unreadableKeys: UnreadableKeyCounts;
}

export function sharingRecords(parts: RecordsParts): SharingRecords {
    const { database, seal, botUserId, policy, rooms, timelines, clock, isCrossSigned, now } = parts;
    const { sql } = database;
    const jobs = new ShareJobs(sql, now, () => clock.now());
    const [pins, pauses, audit] = [new IdentityPins(sql), new Pauses(sql), new Audit(sql)];
    const [botInvitees, evidence] = [new BotInvitees(sql), new SharingEvidence(sql)];
    const facts: FactSources = {
        botUserId,
        rooms,
        pauses,
        isCrossSigned,
        policy,
        audit,
        lookalikes: new Lookalikes(),
        now,
    };
    return {
        rooms,
        timelines,
        clock,
        now,
        commands: new ShareCommands({ database, jobs, pins, pauses, facts, rooms, now }),
        facts,
        jobs,
        devices: new JobDevices(sql),
        watches: new Watches(sql),
        refreshes: new Refreshes(sql),
        files: new BundleFiles(sql, seal),
        audit,
        notices: new Notices(sql),
        followedRooms: new FollowedRooms(sql),
        holdings: new Holdings(sql),
        modes: new Modes(sql),
        pauses,
        pins,
        formerMembers: new FormerMembers({ rooms, timelines }),
        checks: new ReinviteChecks(sql),
        reinvites: new ReinviteLedger(sql),
        history: sharedHistory({ timelines, botInvitees, evidence, now }),
        botInvitees,
        evidence,
        unreadableKeys: new UnreadableKeyCounts(sql),
    };
}
