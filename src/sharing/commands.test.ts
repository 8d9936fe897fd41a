import { runningClockSchema } from "../due/index.ts";
import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { Audit } from "./ledger/audit.ts";
import { ShareCommands } from "./commands.ts";
import { JobDevices } from "./ledger/devices.ts";
import { ShareJobs } from "./ledger/jobs.ts";
import { Lookalikes } from "./policy/lookalike.ts";
import { Pauses } from "./policy/pauses.ts";
import { IdentityPins } from "./policy/pins.ts";
import { sharingSchema } from "./ledger/schema.ts";
import type { JobStep, ReasonOf } from "./ledger/steps.ts";
import { jobStory } from "./ledger/status.ts";

let database: Database;
let jobs: ShareJobs;
let commands: ShareCommands;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [runningClockSchema, sharingSchema] });
    jobs = new ShareJobs(database.sql, () => 1_000);
    const pauses = new Pauses(database.sql);
    const rooms = {
        room: () => undefined,
        member: () => undefined,
        membersWith: () => [],
        joinedRevision: () => 0,
        canInvite: () => false,
        standing: () => "joined" as const,
    };
    commands = new ShareCommands({
        database,
        jobs,
        pins: new IdentityPins(database.sql),
        pauses,
        facts: {
            botUserId: "@bot:home",
            rooms,
            pauses,
            isCrossSigned: () => true,
            policy: () => ({
                mode: "automatic",
                reinvite: "always",
                reinvite_thresholds: { proven: 95, likely: 70 },
                reinvite_pace: "polite",
                trusted_servers: [],
                other_bots: [],
                max_invitees_per_hour: 50,
                max_sessions: 50_000,
                max_age: null,
            }),
            audit: new Audit(database.sql),
            lookalikes: new Lookalikes(),
            now: () => 1_000,
        },
        rooms,
        now: () => 1_000,
    });
});

function jobThat(...steps: readonly JobStep[]): string {
    return jobOf("@charlie:home", ...steps);
}

function jobOf(userId: string, ...steps: readonly JobStep[]): string {
    const created = jobs.create({
        roomId: "!room:home",
        userId,
        inviter: "@alice:home",
        origin: "invite",
        inviteEventId: `$invite-${userId}`,
        byAnotherBot: false,
    });
    for (const step of steps) {
        const job = jobs.get(created?.id ?? 0);
        if (job !== undefined) jobs.move(job, ...step);
    }
    return String(created?.id);
}

test("of a delivery that is under way, or is made again, nobody is told that nothing was sent", () => {
    const underWay = commands.cancel(jobThat(["delivering", "delivering"]));
    expect(underWay.message).toMatch(/is cancelled. What may be on its way/);
    const id = jobOf("@dora:home", ["delivering", "delivering"], ["delivered", "sent"], ["queued", "keys_arrived"]);
    new JobDevices(database.sql).record({ id: Number(id), state: "delivered" }, "PHONE", "sent", 1_000);
    expect(commands.cancel(id).message).toMatch(/had been sent already/);
});

test("a job that waits is cancelled, and its story says so", () => {
    const id = jobThat(["held", "paused"]);
    expect(commands.cancel(id)).toEqual({ ok: true, message: "Job 1 is cancelled. @charlie:home is sent nothing." });
    expect(jobStory(database.sql, id)?.story.map(({ state, reason }) => `${state} ${reason}`)).toEqual([
        "queued invited",
        "held paused",
        "cancelled cancelled_by_command",
    ]);
});

test("what was sent is not said to be taken back", () => {
    const id = jobThat(["delivering", "delivering"], ["delivered", "sent"]);
    expect(commands.cancel(id).message).toMatch(/had been sent already/);
});

test.each([
    [
        "a job that is over",
        () => jobThat(["refused", "sharing_off"]),
        /Job 1 is refused, so there is nothing to cancel/,
    ],
    ["a number that nobody has", () => "17", /There is no job 17/],
    ["no number at all", () => "1; DROP TABLE share_jobs", /There is no job/],
])("%s cannot be cancelled", (_, id, sentence) => {
    const { ok, message } = commands.cancel(id());
    expect(ok).toBe(false);
    expect(message).toMatch(sentence);
});

test("a room's held jobs are approved at once, but for those that need a look of their own", () => {
    const reasons: readonly ReasonOf<"held">[] = [
        "waits_for_approval",
        "too_many_invitees",
        "looks_like_member",
        "identity_changed",
        "inviter_server_not_trusted",
        "too_many_devices",
        "ended_the_bot",
    ];
    const ids = reasons.map((reason, index) => jobOf(`@charlie${index}:home`, ["held", reason]));
    expect(commands.approveAll("!room:home")).toEqual({
        ok: true,
        message:
            "Released: @charlie0:home, @charlie1:home, @charlie4:home. 4 stay held, each for a reason of its own: see `backscroll status --state held`.",
    });
    expect(ids.map((id) => jobs.get(Number(id))?.state)).toEqual([
        "queued",
        "queued",
        "held",
        "held",
        "queued",
        "held",
        "held",
    ]);
    expect(commands.approveAll("!room:home").ok).toBe(false);
    for (const index of [2, 5, 6]) expect(commands.approve(ids[index] ?? "").ok).toBe(true);
});
