import { expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { runningClockSchema } from "../due/index.ts";
import { bundleSchema } from "./bundle/bundle-schema.ts";
import { auditReport } from "./ledger/audit.ts";
import { ShareJobs } from "./ledger/jobs.ts";
import { keptFor } from "./ledger/old-jobs.ts";
import { sharingSchema } from "./ledger/schema.ts";
import { jobStatuses, jobStory } from "./ledger/status.ts";
import { prune } from "./prune.ts";

const roomId = "!room:home";

function ledger() {
    const database = openDatabase({ path: ":memory:", schemas: [runningClockSchema, sharingSchema, bundleSchema] });
    const jobs = new ShareJobs(database.sql, () => 1_000);
    let invites = 0;
    const over = (userId: string): number => {
        const job = jobs.create({
            roomId,
            userId,
            inviter: "@alice:home",
            origin: "invite",
            inviteEventId: `$${invites++}`,
            byAnotherBot: false,
        });
        if (job === undefined) throw new Error("no job was made");
        jobs.move(job, "held", "looks_like_member");
        const held = jobs.get(job.id) ?? job;
        jobs.move(held, "cancelled", "invite_withdrawn");
        return job.id;
    };
    return {
        database,
        jobs,
        over,
        clock: { count: (ms: number) => void database.sql.prepare("UPDATE running_clock SET ran = ran + ?").run(ms) },
    };
}

async function pruned(
    database: Database,
    jobs: ShareJobs,
    signal = new AbortController().signal,
): Promise<readonly number[]> {
    const nothing = { prune: () => Promise.resolve() };
    await prune({ database, jobs, files: { prune: () => {} }, messages: nothing, now: () => 1_000 }, signal);
    return ids(database);
}

const ids = (database: Database): readonly number[] =>
    jobStatuses(database.sql, { limit: 10_000 }).map(({ id }) => Number(id));
const rows = (database: Database, table: string) =>
    Number(database.sql.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);

test("jobs that have been over for a year are forgotten with what belongs to them, but for each invitee's newest; the audit is kept", async () => {
    const { database, jobs, over, clock } = ledger();
    const old = [over("@charlie:home"), over("@charlie:home"), over("@dora:home")];
    database.sql
        .exec(`INSERT INTO share_audit (sending_id, at, job_id, room_id, user_id, inviter, identity, device_ids, sessions, mxc, mode, visibility, origin, approved)
        VALUES ('1-a', 1, 1, '${roomId}', '@charlie:home', '@alice:home', 'A', '["PHONE"]', 3, 'mxc://home/1', 'automatic', 'shared', 'invite', 0)`);
    clock.count(1_000);
    const young = [over("@charlie:home"), over("@charlie:home")];
    clock.count(keptFor - 1);
    expect(await pruned(database, jobs)).toEqual([...young.toReversed(), old[2]]);
    expect(jobStory(database.sql, String(old[0]))).toBeUndefined();
    expect(jobStory(database.sql, String(old[2]))?.story).toHaveLength(3);
    expect([rows(database, "share_job_moves"), rows(database, "share_notices")]).toEqual([9, 3]);
    expect(auditReport(database.sql, { roomId, userId: undefined, since: undefined }).deliveries).toMatchObject([
        { job_id: "1" },
    ]);
});

test("a job that is open stays, however old; and no clock that is set forgets anything", async () => {
    const { database, jobs, over, clock } = ledger();
    const job = jobs.create({
        roomId,
        userId: "@charlie:home",
        inviter: "@alice:home",
        origin: "invite",
        inviteEventId: "$open",
        byAnotherBot: false,
    });
    clock.count(2 * keptFor);
    over("@charlie:home");
    expect(await pruned(database, jobs)).toEqual([2, job?.id]);
});

test("many are forgotten a few at a time, and a stop ends it between two steps", async () => {
    const { database, jobs, over, clock } = ledger();
    for (let count = 0; count < 1_000; count += 1) over("@charlie:home");
    clock.count(keptFor);
    const stopping = new AbortController();
    const working = pruned(database, jobs, stopping.signal);
    await new Promise((next) => setImmediate(next));
    stopping.abort();
    const left = (await working).length;
    expect(left).toBeGreaterThan(1);
    expect(left).toBeLessThan(1_000);
    expect(await pruned(database, jobs)).toEqual([1_000]);
});
