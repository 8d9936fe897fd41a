import { accountStatus } from "../../account/index.ts";
import { adminOf } from "../../chat/index.ts";
import {
    connectToBot,
    type CoverageStatus,
    emptyStatus,
    type ReceivedBundleStatus,
    type RoomStatus,
    type StatusFilters,
    type StatusReport,
} from "../../control/index.ts";
import { type Database, openDatabase } from "../../database/index.ts";
import { bundleSentence, type ReceivedBundle, ReceivedBundles } from "../../receiving/index.ts";
import { RoomReader, type Room } from "../../rooms/index.ts";
import { type JobStory, sharingReport } from "../../sharing/index.ts";
import { lastSuccessAt } from "../../sync/index.ts";
import { programVersion } from "../../telemetry/index.ts";
import { type Coverage, Timelines } from "../../timeline/index.ts";
import { dataFolder } from "../folder/data-folder.ts";
import { schemas } from "../folder/schemas.ts";
import { StoreCheckRecord } from "../folder/store-check-record.ts";

/** Senders of unreadable keys that are shown. */
const mostSenders = 20;

/** @see {@link import("../index.ts").readStatus} */
export async function readStatus(dataDir: string, filters: StatusFilters): Promise<StatusReport> {
    const folder = dataFolder(dataDir);
    const running = isRunning(folder.socket);
    const database = openDatabase({ path: folder.database, schemas, readOnly: true });
    try {
        return { ...report(database, folder.path, filters), running: await running };
    } finally {
        database.close();
    }
}

/** @see {@link import("../index.ts").readJob} */
export function readJob(dataDir: string, jobId: string): JobStory | undefined {
    const database = openDatabase({ path: dataFolder(dataDir).database, schemas, readOnly: true });
    try {
        return sharingReport(database.sql).job(jobId);
    } finally {
        database.close();
    }
}

/**
 * A socket that somebody listens on, even one that this user may not speak to. Nothing is asked: that would wait for
 * the bot's health.
 */
async function isRunning(socket: string): Promise<boolean> {
    try {
        await using bot = await connectToBot(socket);
        return bot !== undefined;
    } catch {
        return true;
    }
}

function report(database: Database, dataDir: string, filters: StatusFilters): StatusReport {
    const empty = emptyStatus(programVersion());
    const rooms = new RoomReader(database);
    const sharing = sharingReport(database.sql);
    const account = accountStatus(database, dataDir) ?? empty.account;
    const inRoom = (roomId: string): boolean => filters.roomId === undefined || filters.roomId === roomId;
    const isAdminRoom = (roomId: string): boolean =>
        adminOf(rooms.createdBy(roomId, account.user_id ?? "")) !== undefined;
    return {
        ...empty,
        paused: sharing.pauses.list(),
        sync: { last_success_at: isoTime(lastSuccessAt(database)) },
        account,
        store: new StoreCheckRecord(database.sql).status(),
        rooms: rooms
            .joined()
            .filter(({ roomId }) => inRoom(roomId) && !isAdminRoom(roomId))
            .map((room) => roomStatus(database, { rooms, sharing }, room, account.user_id)),
        unreadable_keys: sharing.unreadableKeys
            .newest(mostSenders)
            .map(({ userId, keys, lastAt }) => ({ user_id: userId, keys, last_at: new Date(lastAt).toISOString() })),
        invites: rooms
            .pendingInvites()
            .filter(({ roomId }) => inRoom(roomId))
            .map(({ roomId, inviter, since }) => ({ room_id: roomId, inviter, since: new Date(since).toISOString() })),
        jobs: sharing.jobs(filters),
    };
}

interface Read {
    readonly rooms: RoomReader;
    readonly sharing: ReturnType<typeof sharingReport>;
}

function roomStatus(database: Database, { rooms, sharing }: Read, room: Room, botUserId: string | null): RoomStatus {
    const canInvite = botUserId !== null && rooms.canInvite(room.roomId, botUserId);
    const coverage = new Timelines(database).coverage(room.roomId);
    const holdings = sharing.holdings.get(room.roomId);
    const received = receivedBundle(new ReceivedBundles(database.sql).of(room.roomId));
    return {
        room_id: room.roomId,
        mode: sharing.modes.of(room.roomId),
        visibility: room.visibility === "unknown" ? null : room.visibility,
        can_invite: canInvite,
        joined_at: isoTime(room.joinedAt),
        covers_since: isoTime(coverage?.coversSince),
        sessions: {
            shareable: holdings?.shareable ?? null,
            not_shareable: holdings?.notShareable ?? null,
            unknown: holdings?.unknown ?? null,
            missing: coverage?.sessions.missing ?? null,
        },
        coverage: coverage === undefined ? null : coverageStatus(coverage),
        received_bundle: received,
        problems: [...sharing.roomProblems(room, canInvite), ...bundleProblems(received, coverage?.complete === true)],
    };
}

function coverageStatus({ reach, complete, events, covered, comparable, withheldFromBot }: Coverage): CoverageStatus {
    const withheld = comparable?.withheld ?? null;
    return { reach, complete, events, covered, withheld, withheld_from_bot: withheldFromBot };
}

function receivedBundle(bundle: ReceivedBundle | undefined): ReceivedBundleStatus | null {
    if (bundle === undefined) return null;
    const { inviter, state, reason, keys, withheld, changedAt } = bundle;
    const message = bundleSentence(bundle) ?? null;
    return {
        from: inviter,
        state,
        reason: reason ?? null,
        message,
        keys,
        withheld,
        changed_at: new Date(changedAt).toISOString(),
    };
}

/** Where nothing is missing, nobody has to care. */
function bundleProblems(bundle: ReceivedBundleStatus | null, complete: boolean): RoomStatus["problems"] {
    if (complete || bundle === null || bundle.message === null || bundle.reason === null) return [];
    return [{ code: "bundle_not_taken", message: bundle.message }];
}

function isoTime(milliseconds: number | undefined): string | null {
    return milliseconds === undefined ? null : new Date(milliseconds).toISOString();
}
