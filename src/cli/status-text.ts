import type { RoomStatus, StatusReport } from "../control/index.ts";
import type { JobStatus } from "../sharing/index.ts";
import { coverageSentences } from "./coverage-text.ts";
import { ago, facts, span, table } from "./layout.ts";

/** The status as people read it. @param now milliseconds since the epoch */
export function statusText(report: StatusReport, now: number): string {
    const sections = [
        head(report, now),
        rooms(report.rooms, now),
        lostKeys(report, now),
        invites(report.invites, now),
        jobs(report.jobs, now),
    ];
    return sections.filter((section) => section !== "").join("\n\n");
}

function head({ version, running, sync, account, store, paused }: StatusReport, now: number): string {
    const device = account.device_id === null ? "" : `, device ${account.device_id}`;
    const signed = account.cross_signed === null ? "" : account.cross_signed ? ", cross-signed" : ", not cross-signed";
    const pause = paused.all ? "everywhere" : paused.rooms.join(", ");
    return facts([
        ["Backscroll", `${version}, ${running ? "running" : "not running"}`],
        ["Last sync", ago(sync.last_success_at, now) ?? "never"],
        [
            "Account",
            account.user_id === null
                ? "none yet: the first `backscroll run` logs in"
                : account.user_id + device + signed,
        ],
        ["Fingerprint", account.fingerprint ?? ""],
        ["Identity", identityText(account.identity, now)],
        [
            "Recovery key",
            account.recovery === "in_data_dir" ? "still in the data folder: move it to a safe place" : account.recovery,
        ],
        ["Key backup", account.backup],
        ["Crypto store", storeText(store, now)],
        ["Paused", pause],
    ]);
}

/** Worth a line only where something is wrong. */
function identityText(identity: StatusReport["account"]["identity"], now: number): string {
    if (identity === null || identity.message === null) return "";
    return `! ${identity.message} (found ${ago(identity.since, now) ?? "?"})`;
}

function storeText({ check, checked_at, message }: StatusReport["store"], now: number): string {
    if (check === "damaged") return `! ${message ?? ""} (found ${ago(checked_at, now) ?? "?"})`;
    return check === "sound" ? `read whole ${ago(checked_at, now) ?? "?"}, nothing in it is damaged` : "";
}

function rooms(all: readonly RoomStatus[], now: number): string {
    if (all.length === 0) return "Rooms: none. Invite the bot into one, as a user of invites.from.";
    const rows = all.map(({ room_id, mode, visibility, can_invite, joined_at, covers_since, sessions }) => [
        room_id,
        mode,
        visibility ?? "?",
        can_invite === null ? "?" : can_invite ? "yes" : "no",
        ago(joined_at, now) ?? "?",
        ago(covers_since, now) ?? "?",
        ...[sessions.shareable, sessions.not_shareable, sessions.unknown, sessions.missing].map((count) =>
            count === null ? "?" : String(count),
        ),
    ]);
    const header = [
        "ROOM",
        "MODE",
        "VISIBILITY",
        "MAY INVITE",
        "JOINED",
        "COVERS SINCE",
        "SHAREABLE",
        "NOT SHAREABLE",
        "UNKNOWN",
        "MISSING",
    ];
    const sentences = (room: RoomStatus): readonly string[] => [...coverageSentences(room), ...bundleSentences(room)];
    const coverage = all.flatMap((room) => sentences(room).map((sentence) => `  ${room.room_id} ${sentence}`));
    const problems = all.flatMap(({ room_id, problems }) => problems.map(({ message }) => `! ${room_id}: ${message}`));
    return [`Rooms: ${all.length}`, table(header, rows), ...coverage, ...problems].join("\n");
}

/** One that was not taken is among the problems. */
function bundleSentences({ received_bundle: bundle }: RoomStatus): readonly string[] {
    return bundle?.state === "taken" && bundle.message !== null ? [bundle.message] : [];
}

function lostKeys({ unreadable_keys: all }: StatusReport, now: number): string {
    return all
        .map(({ user_id, keys, last_at }) => {
            const lost = keys === 1 ? "A room key" : `${keys} room keys`;
            return `! ${lost} of ${user_id} could not be read, the last ${ago(last_at, now) ?? "?"}: their client spells the flag for sharing history in a way that nobody can read. Let them use another one.`;
        })
        .join("\n");
}

function invites(all: StatusReport["invites"], now: number): string {
    if (all.length === 0) return "";
    const rows = all.map(({ room_id, inviter, since }) => [room_id, inviter, ago(since, now) ?? "?"]);
    return [`Invites to the bot, left pending: ${all.length}`, table(["ROOM", "INVITER", "SINCE"], rows)].join("\n");
}

function jobs(all: readonly JobStatus[], now: number): string {
    if (all.length === 0) return "Share jobs: none.";
    const rows = all.map((job) => [
        job.id,
        job.state,
        job.user_id,
        job.room_id,
        devices(job),
        ago(job.updated_at, now) ?? "?",
        sentence(job, now),
    ]);
    return [
        `Share jobs: ${all.length}, newest first`,
        table(["JOB", "STATE", "USER", "ROOM", "SENT TO", "CHANGED", "WHY"], rows),
    ].join("\n");
}

function devices({ devices }: JobStatus): string {
    const sent = devices.filter(({ state }) => state === "sent").length;
    return devices.length === 0 ? "-" : `${sent} of ${devices.length}`;
}

function sentence({ message, next_attempt_at }: JobStatus, now: number): string {
    if (next_attempt_at === null) return message;
    const wait = Date.parse(next_attempt_at) - now;
    return wait > 0 ? `${message} Next try in ${span(wait)}.` : message;
}
