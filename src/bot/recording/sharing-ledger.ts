import { identityStatus } from "../../account/index.ts";
import type { Settings } from "../../config/index.ts";
import { sharingPolicy } from "../../config/index.ts";
import type { Database } from "../../database/index.ts";
import { RunningClock } from "../../due/index.ts";
import { ReceivedBundles } from "../../receiving/index.ts";
import { RoomReader } from "../../rooms/index.ts";
import {
    Audit,
    BotInvitees,
    compare,
    type Counted,
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
    UnreadableKeyCounts,
    weigh,
    type SharedHistory,
    ShareJobs,
} from "../../sharing/index.ts";
import { type Coverage, Timelines, uncoveredBefore } from "../../timeline/index.ts";

/** What sharing keeps in the database and the commands on it: the same with a running bot and without one. */
export interface SharingLedger {
    readonly rooms: RoomReader;
    /** By which everything falls due; it runs once it is started. */
    readonly clock: RunningClock;
    readonly jobs: ShareJobs;
    readonly pins: IdentityPins;
    readonly pauses: Pauses;
    readonly checks: ReinviteChecks;
    readonly reinvites: ReinviteLedger;
    readonly history: SharedHistory;
    readonly botInvitees: BotInvitees;
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
    readonly unreadableKeys: UnreadableKeyCounts;
}

export function sharingLedger(database: Database, settings: Settings): SharingLedger {
    const now = Date.now;
    const rooms = new RoomReader(database);
    const clock = new RunningClock({ database, monotonic: () => performance.now(), wall: now });
    const jobs = new ShareJobs(database.sql, now, () => clock.now());
    const pins = new IdentityPins(database.sql);
    const pauses = new Pauses(database.sql);
    const audit = new Audit(database.sql);
    const timelines = new Timelines(database);
    const botInvitees = new BotInvitees(database.sql);
    const evidence = new SharingEvidence(database.sql);
    const facts: FactSources = {
        botUserId: settings.homeserver.user_id,
        rooms,
        pauses,
        isCrossSigned: () => (identityStatus(database)?.state ?? "ours") === "ours",
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
        history: sharedHistory({ timelines, botInvitees, evidence, now }),
        botInvitees,
        holdings: new Holdings(database.sql),
        audit,
        notices: new Notices(database.sql),
        followedRooms: new FollowedRooms(database.sql),
        formerMembers: new FormerMembers({ rooms, timelines }),
        clock,
        refreshes: new Refreshes(database.sql),
        facts,
        timelines,
        evidence,
        unreadableKeys: new UnreadableKeyCounts(database.sql),
        received: new ReceivedBundles(database.sql),
        commands: new ShareCommands({ database, jobs, pins, pauses, facts, rooms, now }),
    };
}

interface HistorySources extends Pick<SharingLedger, "timelines" | "botInvitees" | "evidence"> {
    readonly now: () => number;
}

function sharedHistory({ timelines, botInvitees, evidence, now }: HistorySources): SharedHistory {
    return {
        compare: (roomId, inviter, policy, { usable, inviterHasSignedDevice }) => {
            const weighed = weigh(evidence.of(inviter), {
                now: now(),
                specSpellingShares: evidence.specSpellingShares(),
                hasSignedDevice: inviterHasSignedDevice,
            });
            const counted = countedOf(timelines.coverage(roomId), botInvitees.joinedAt(roomId, inviter));
            return compare({
                setting: policy.reinvite === "when_complete" ? "when_complete" : "when_better",
                thresholds: policy.reinvite_thresholds,
                inviter,
                weighed,
                usable: usable === undefined ? usableOf(counted) : usable ? "yes" : "no",
                counted,
            });
        },
    };
}

/** @param joinedAt when the inviter joined on the bot's own invite, if they did */
function countedOf(coverage: Coverage | undefined, joinedAt: number | undefined): Counted | undefined {
    // What an earlier version counted is counted anew in a moment.
    if (coverage?.comparable === undefined) return undefined;
    const { reach, complete, events, covered, comparable } = coverage;
    const notTheirs = joinedAt === undefined ? 0 : uncoveredBefore(comparable.uncovered, joinedAt);
    return { reach, complete, events, covered, withheld: comparable.withheld, notTheirs };
}

function usableOf(counted: Counted | undefined): "yes" | "no" | "unknown" {
    if (counted === undefined) return "unknown";
    return counted.covered > counted.withheld ? "yes" : "no";
}
