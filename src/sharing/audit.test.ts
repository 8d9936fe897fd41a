import { expect, test } from "vitest";
import { HomeserverError } from "../homeserver/index.ts";
import { auditReport } from "./ledger/audit.ts";
import { jobStory } from "./ledger/status.ts";
import { Notices } from "./ledger/notices.ts";
import { alice, change, charlie, invite, masterKey, roomId } from "./testing/room.ts";
import { World } from "./testing/world.ts";

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
            sent: "yes",
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

const lost = new HomeserverError("send_to_device", { kind: "unreachable", reason: "connection", detail: "reset" });
const withdraw = (world: World) => world.sync(change("leave", "$withdrawn", alice));

test.each([
    ["withdrawn", withdraw],
    ["cancelled by command", (world: World) => world.jobs.end(jobOf(world), "cancelled_by_command")],
    ["held", (world: World) => world.jobs.move(jobOf(world), "held", "paused")],
])("a copy whose answer was lost while its job was %s is in the audit: sent or not, unknown", async (_, end) => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.fault = { call: "sendToDevice", after: true, error: lost };
    await world.runUntil(() => expect(world.status()).toMatchObject({ state: "queued" }));
    expect(audited(world)).toEqual([]);
    end(world);
    expect(audited(world)).toMatchObject([
        { user_id: charlie, identity: masterKey, devices: ["PHONE"], file: "mxc://home/1", sent: "unknown" },
    ]);
    expect(jobStory(world.database.sql, "1")?.given).toMatchObject([{ sent: "unknown" }]);
    expect(() => world.database.sql.exec("UPDATE share_audit SET certain = 1")).toThrow("never changed");
});

test("an answer that is asked for again, or comes after the job has ended, leaves no doubt", async () => {
    const again = new World();
    again.sync(change("invite", "$invite", alice));
    again.fault = { call: "sendToDevice", after: true, error: lost };
    await again.runUntil(() => expect(again.status()).toMatchObject({ state: "queued" }));
    again.now += 10_000;
    await again.run();
    withdraw(again);
    expect(audited(again)).toMatchObject([{ sent: "yes" }]);

    const late = new World();
    late.sync(change("invite", "$invite", alice));
    late.meanwhile.set("sendToDevice", () => withdraw(late));
    await late.run();
    expect(late.status()).toMatchObject({ state: "cancelled" });
    expect(audited(late)).toMatchObject([{ sent: "yes" }]);
});

test("of a copy that the homeserver refused there is no doubt either", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.fault = {
        call: "sendToDevice",
        error: new HomeserverError("send_to_device", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "no" }),
    };
    await world.runUntil(() => expect(world.status()).toMatchObject({ reason: "refused_once" }));
    withdraw(world);
    expect(audited(world)).toEqual([]);
});

function jobOf(world: World) {
    const job = world.jobs.get(1);
    if (job === undefined) throw new Error("there is no job");
    return job;
}

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
    const facts = { id: 1, jobId: 1, roomId, userId: charlie, inviter: alice, state: "held" };
    expect(noticed(world)).toMatchObject([
        { ...facts, message: expect.stringMatching(/Namely: @chаrlie:elsewhere\.$/) },
    ]);
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
