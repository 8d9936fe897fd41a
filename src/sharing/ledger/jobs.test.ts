import { runningClockSchema } from "../../due/index.ts";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test } from "vitest";
import { JobDevices } from "./devices.ts";
import { ShareJobs, type NewJob } from "./jobs.ts";
import { sharingSchema } from "./schema.ts";
import { jobStatuses } from "./status.ts";

const invite: NewJob = {
    roomId: "!room:home",
    userId: "@charlie:home",
    inviter: "@alice:home",
    origin: "invite",
    inviteEventId: "$invite",
    byAnotherBot: false,
};

const places = { limit: 10, ofRoom: 10, ofServer: 10, ownServer: "home" };

let sql: DatabaseSync;
let jobs: ShareJobs;
let now: number;

beforeEach(() => {
    sql = new DatabaseSync(":memory:");
    for (const { migrations } of [runningClockSchema, sharingSchema])
        for (const migration of migrations) migration(sql);
    now = 1_000;
    jobs = new ShareJobs(sql, () => now);
});

function create(changes: Partial<NewJob> = {}) {
    const job = jobs.create({ ...invite, ...changes });
    if (job === undefined) throw new Error("expected a job");
    return job;
}

test("an invite that is recorded twice makes one job; a command may ask again", () => {
    create();
    expect(jobs.create(invite)).toBeUndefined();
    expect(jobs.create({ ...invite, origin: "command" })).toBeDefined();
    expect(jobs.create({ ...invite, origin: "command" })).toBeDefined();
});

test("a job that something else moved first is not moved on", () => {
    const job = create();
    expect(jobs.move(job, "cancelled", "invite_withdrawn")).toBe(true);
    expect(jobs.move(job, "delivering", "delivering", 0)).toBe(false);
    expect(jobs.get(job.id)).toMatchObject({ state: "cancelled", reason: "invite_withdrawn" });
});

test("a move that the life of a job does not know is a fault", () => {
    expect(() => jobs.move(create(), "done", "watched_long_enough")).toThrow("cannot go from queued to done");
});

test("what a crash interrupted is due at once, the oldest first; what waits for a human is not due", () => {
    const interrupted = create();
    jobs.move(interrupted, "delivering", "delivering", 0);
    const held = create({ inviteEventId: "$second" });
    jobs.move(held, "held", "identity_changed");
    const later = create({ inviteEventId: "$third" });
    jobs.retry(later, "homeserver_unavailable", 5_000);
    const fresh = create({ inviteEventId: "$fourth" });

    expect(jobs.due(places, now).map((job) => job.id)).toEqual([interrupted.id, fresh.id]);
    expect(jobs.nextDueAt(now)).toBe(now + 5_000);
    now += 5_000;
    expect(jobs.due(places, now).map((job) => job.id)).toEqual([interrupted.id, later.id, fresh.id]);
    expect(jobs.nextDueAt(now)).toBeUndefined();
});

test("a retry counts, and keeps what was delivered", () => {
    const job = create();
    jobs.move(job, "delivering", "delivering", 0);
    const delivering = jobs.get(job.id) ?? job;
    jobs.move(delivering, "delivered", "sent", 0);
    jobs.retry(jobs.get(job.id) ?? job, "homeserver_unavailable", 1);
    expect(jobs.get(job.id)).toMatchObject({ state: "delivered", attempts: 1, reason: "homeserver_unavailable" });
});

test("a device that got its copy stays sent, and is remembered when the user has it no more; any other is forgotten", () => {
    const job = create();
    const devices = new JobDevices(sql);
    devices.record(job, "PHONE", "sent", now);
    devices.record(job, "PHONE", "no_session", now);
    devices.record(job, "LAPTOP", "no_session", now);
    devices.record(job, "LAPTOP", "sent", now);
    devices.record(job, "TABLET", "no_session", now);
    devices.observe(
        job,
        { masterKey: null, devices: [{ deviceId: "LAPTOP", crossSigned: true, dehydrated: false }] },
        now,
    );
    expect(jobStatuses(sql, { limit: 1 })[0]?.devices).toMatchObject([
        { device_id: "LAPTOP", state: "sent" },
        { device_id: "PHONE", state: "sent" },
    ]);
});

test("status filters by room, user, state and time, newest first, bounded", () => {
    const first = create();
    now = 2_000;
    const second = create({ inviteEventId: "$2", userId: "@dora:home" });
    jobs.move(second, "refused", "no_identity");
    const ids = (filter: Partial<Parameters<typeof jobStatuses>[1]>) =>
        jobStatuses(sql, { limit: 100, ...filter }).map((job) => job.id);

    expect(ids({})).toEqual([String(second.id), String(first.id)]);
    expect(ids({ userId: "@charlie:home" })).toEqual([String(first.id)]);
    expect(ids({ state: "refused" })).toEqual([String(second.id)]);
    expect(ids({ since: 1_500 })).toEqual([String(second.id)]);
    expect(ids({ roomId: "!other:home" })).toEqual([]);
    expect(ids({ limit: 1 })).toEqual([String(second.id)]);
    expect(jobStatuses(sql, { limit: 1 })[0]).toMatchObject({
        state: "refused",
        reason: "no_identity",
        created_at: "1970-01-01T00:00:02.000Z",
        next_attempt_at: null,
    });
});

test("a room or a foreign homeserver with many jobs leaves places to the others; our own homeserver's users have all of theirs", () => {
    for (let number = 1; number <= 4; number += 1) {
        create({ inviteEventId: `$big${number}`, userId: `@u${number}:home` });
        create({ inviteEventId: `$far${number}`, userId: `@u${number}:far`, roomId: `!r${number}:home` });
    }
    const late = create({ inviteEventId: "$late", roomId: "!late:home" });
    const due = jobs.due({ limit: 10, ofRoom: 2, ofServer: 3, ownServer: "home" }, now);
    expect(due.filter(({ roomId }) => roomId === invite.roomId).map(({ userId }) => userId)).toEqual([
        "@u1:home",
        "@u2:home",
    ]);
    expect(due.filter(({ userId }) => userId.endsWith(":far")).map(({ userId }) => userId)).toEqual([
        "@u1:far",
        "@u2:far",
        "@u3:far",
    ]);
    expect(due.at(-1)?.id).toBe(late.id);
});

test("numbers behind a reason are told anew without another line in the story, and not once the job stands elsewhere", () => {
    const job = create();
    jobs.move(job, "delivering", "delivering", 0);
    jobs.move(jobs.get(job.id) ?? job, "delivered", "coverage_incomplete", undefined, "3 of 10");
    const waiting = jobs.get(job.id) ?? job;
    const moves = () => sql.prepare("SELECT count(*) AS n FROM share_job_moves").get()?.["n"];
    const before = moves();
    now += 60_000;
    jobs.restate(waiting, "4 of 10");
    expect(jobs.get(job.id)).toMatchObject({ detail: "4 of 10", reason: "coverage_incomplete", updatedAt: 1_000 });
    expect(moves()).toBe(before);
    jobs.release(waiting, "keys_arrived");
    jobs.restate(waiting, "5 of 10");
    expect(jobs.get(job.id)?.detail).toBeUndefined();
});
