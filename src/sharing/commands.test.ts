import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { ShareCommands } from "./commands.ts";
import { ShareJobs } from "./jobs.ts";
import { Pauses } from "./pauses.ts";
import { IdentityPins } from "./pins.ts";
import type { Reason } from "./reasons.ts";
import { sharingSchema } from "./schema.ts";
import type { JobState } from "./states.ts";
import { jobStory } from "./status.ts";

let database: Database;
let jobs: ShareJobs;
let commands: ShareCommands;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [sharingSchema] });
    jobs = new ShareJobs(database.sql, () => 1_000);
    const pauses = new Pauses(database.sql);
    const rooms = { room: () => undefined, member: () => undefined, canInvite: () => false };
    commands = new ShareCommands({
        database,
        jobs,
        pins: new IdentityPins(database.sql),
        pauses,
        facts: { botUserId: "@bot:home", rooms, pauses, policy: () => ({ mode: "automatic", reinvite: "always", trusted_servers: [] }) },
        rooms,
        now: () => 1_000,
    });
});

function jobThat(...steps: readonly (readonly [JobState, Reason])[]): string {
    const created = jobs.create({
        roomId: "!room:home",
        userId: "@charlie:home",
        inviter: "@alice:home",
        origin: "invite",
        inviteEventId: "$invite",
        byAnotherBot: false,
    });
    for (const [state, reason] of steps) {
        const job = jobs.get(created?.id ?? 0);
        if (job !== undefined) jobs.move(job, state, reason);
    }
    return String(created?.id);
}

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
    ["a job that is over", () => jobThat(["refused", "sharing_off"]), /Job 1 is refused, so there is nothing to cancel/],
    ["a number that nobody has", () => "17", /There is no job 17/],
    ["no number at all", () => "1; DROP TABLE share_jobs", /There is no job/],
])("%s cannot be cancelled", (_, id, sentence) => {
    const { ok, message } = commands.cancel(id());
    expect(ok).toBe(false);
    expect(message).toMatch(sentence);
});
