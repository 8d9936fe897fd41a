import { expect, test } from "vitest";
import { auditReport } from "./ledger/audit.ts";
import { Notices } from "./ledger/notices.ts";
import { alice, change, charlie, invite, masterKey, roomId, World } from "./testing/world.ts";

const everything = { roomId: undefined, userId: undefined, since: undefined };
const audited = (world: World, filter = {}) => auditReport(world.database.sql, { ...everything, ...filter }).deliveries;

test("what was given to whom is written down with the delivery", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(audited(world)).toEqual([
        {
            at: "1970-01-01T00:16:40.000Z",
            job_id: "1",
            room_id: roomId,
            user_id: charlie,
            inviter: alice,
            identity: masterKey,
            devices: ["PHONE"],
            sessions: 3,
            file: "mxc://home/1",
            policy: { mode: "automatic", visibility: "shared", origin: "invite", approved: false },
        },
    ]);
});

test("a delivery that runs again after a crash is one delivery in the audit", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.database.sql.exec("UPDATE share_jobs SET state = 'delivering', next_attempt_at = 0");
    world.memberEvent = invite("$invite", alice);
    await world.run();
    expect(world.txnIds).toHaveLength(2);
    expect(audited(world)).toHaveLength(1);
});

test("nobody is in the audit who was given nothing", async () => {
    const world = new World();
    world.pauses.pause(undefined, 0);
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(audited(world)).toEqual([]);
});

test("the audit outlives its jobs, and cannot be changed or deleted", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    const { sql } = world.database;
    for (const table of ["bundle_deliveries", "share_job_devices", "share_job_moves", "share_watches", "share_jobs"])
        sql.exec(`DELETE FROM ${table}`);
    expect(audited(world)).toHaveLength(1);
    expect(() => sql.exec("DELETE FROM share_audit")).toThrow("the audit is never deleted");
    expect(() => sql.exec("UPDATE share_audit SET user_id = '@nobody:home'")).toThrow("the audit is never changed");
    expect(audited(world)).toHaveLength(1);
});

test.each([
    [{ roomId }, 1],
    [{ roomId: "!other:home" }, 0],
    [{ userId: charlie }, 1],
    [{ userId: alice }, 0],
    [{ since: 1_000_000 }, 1],
    [{ since: 1_000_001 }, 0],
])("the filter %o shows %i deliveries", async (filter, count) => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(audited(world, filter)).toHaveLength(count);
});

const member = (userId: string, displayName: string) => ({
    userId,
    displayName,
    membership: "join" as const,
    eventId: "$m",
    sender: userId,
    isDirect: false,
});
const noticed = (world: World, after = 0) => new Notices(world.database.sql).standingAfter(after);

test("somebody who looks like a member is held, with that member's name, before anybody is asked for keys", async () => {
    const world = new World();
    world.members = [member("@dora:home", "Dora"), member("@chаrlie:elsewhere", "C")];
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "looks_like_member" });
    expect(world.calls).toEqual([]);
    expect(noticed(world)).toMatchObject([{ id: 1, jobId: 1, roomId, userId: charlie, inviter: alice, state: "held" }]);
    expect(noticed(world)[0]?.message).toMatch(/Namely: @chаrlie:elsewhere\.$/);
});

test("somebody's own second account may look like them", async () => {
    const world = new World();
    world.members = [member(alice, "charlie")];
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("more invitees than an hour may have are held; an hour later one more goes", async () => {
    const world = new World();
    world.mostInvitees = 1;
    await world.run();
    world.sync({ ...change("invite", "$invite", alice), userId: charlie });
    await world.run();
    expect(audited(world)).toHaveLength(1);

    world.memberEvent = invite("$second", alice);
    world.sync({ ...change("invite", "$second", alice), userId: "@dora:home" });
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "too_many_invitees" });

    // The same person again is no more people.
    world.memberEvent = invite("$third", alice);
    world.sync(change("invite", "$third", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });

    world.now += 3_600_001;
    world.memberEvent = invite("$fourth", alice);
    world.sync({ ...change("invite", "$fourth", alice), userId: "@eve:home" });
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("a notice is given while its job stands where it stood, and a pause needs nobody", async () => {
    const world = new World();
    world.canInvite = false;
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(noticed(world).map(({ id }) => id)).toEqual([1]);
    expect(noticed(world, 1)).toEqual([]);
    world.pauses.pause(undefined, 0);
    const job = world.jobs.get(1);
    if (job !== undefined) world.jobs.release(job, "power_granted");
    expect(noticed(world)).toEqual([]);
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "paused" });
    expect(noticed(world)).toEqual([]);
});
