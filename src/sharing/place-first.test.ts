import { setImmediate } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { Notices } from "./ledger/notices.ts";
import { jobStatuses, jobStory } from "./ledger/status.ts";
import { recordOwnLeave, releaseOnceUsed } from "./record.ts";
import { reconsiderRooms } from "./room-changed.ts";
import { ShareRunner } from "./runner.ts";
import { alice, change, charlie, masterKey, roomId } from "./testing/room.ts";
import { commandsOf, World } from "./testing/world.ts";

const minute = 60_000;
const hour = 60 * minute;
const phone = { deviceId: "PHONE", crossSigned: true, dehydrated: false };
const never = { ...new World().policy, reinvite: "never" } as const;

async function looksAfter(world: World, milliseconds: number): Promise<void> {
    world.now += milliseconds;
    await world.runWatch();
}

const states = (world: World) =>
    Object.fromEntries((world.status().devices ?? []).map((device) => [device.device_id, device.state]));

/** Charlie, who has no device yet. */
function withoutDevice(facts: Partial<Pick<World, "answersWhole" | "hasAccount" | "policy">> = {}): World {
    const world: World = Object.assign(new World(), facts);
    world.masterKey = null;
    world.devices = [];
    world.sync(change("invite", "$invite", alice));
    return world;
}

function logsIn(world: World): void {
    world.masterKey = masterKey;
    world.devices = [phone];
    world.hasAccount = true;
}

test("who has no device, logs in days later and accepts two seconds after, is sent the keys at the join", async () => {
    const world = withoutDevice();
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" });
    for (let hours = 0; hours < 72; hours += 12) await looksAfter(world, 12 * hour);
    logsIn(world);
    world.join();
    await world.runWatch();
    expect(world.sentTo).toEqual([["PHONE"]]);
    expect(world.status()).toMatchObject({ state: "joined", reason: "joined" });
});

test.each<[string, Parameters<typeof withoutDevice>[0], string]>([
    ["an answer of which something was left out is no proof", { answersWhole: false }, "no_identity"],
    ["nor is the place taken where the setting leaves invites to others", { policy: never }, "no_identity"],
    ["nor for a name that is nobody's", { hasAccount: false }, "no_such_account"],
])("without a device: %s", async (_, facts, reason) => {
    const world = withoutDevice(facts);
    await world.run();
    expect(world.status()).toMatchObject({ state: "refused", reason });
    expect(world.calls).not.toContain("putMember");
    logsIn(world);
    await looksAfter(world, minute);
    expect(states(world)).toEqual({ PHONE: "sent" });
});

test("a dehydrated device is none that could be sent anything: the place comes first", async () => {
    const world = new World();
    world.devices = [{ ...phone, dehydrated: true }];
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" });
    expect(world.sentTo).toEqual([]);
    expect(world.calls).not.toContain("hasAccount");
});

test("a name that somebody takes more than a day after the invite waits for a person", async () => {
    const world = withoutDevice({ hasAccount: false });
    await world.run();
    for (let hours = 0; hours < 26; hours += 1) await looksAfter(world, hour);
    logsIn(world);
    await looksAfter(world, 12 * hour);
    expect(world.status()).toMatchObject({ state: "held", reason: "account_appeared_late" });
    expect(commandsOf(world).approve("1")).toMatchObject({ ok: true });
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("who was there at the first look is not held for logging in late", async () => {
    const world = withoutDevice();
    await world.run();
    for (let days = 0; days < 5; days += 1) await looksAfter(world, 24 * hour);
    logsIn(world);
    await looksAfter(world, 12 * hour);
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "already_inviter" });
    expect(world.calls.filter((call) => call === "hasAccount")).toHaveLength(1);
});

test("what is held at the join is sent when it is released within a day, and not after", async () => {
    for (const [waits, state] of [
        [23 * hour, "joined"],
        [25 * hour, "cancelled"],
    ] as const) {
        const world = new World();
        world.sync(change("invite", "$invite", alice));
        await world.run();
        commandsOf(world).pause(undefined);
        world.database.transaction(() => {
            const job = world.jobs.get(1);
            if (job !== undefined) world.jobs.move(job, "held", "paused");
        });
        world.join();
        await world.runWatch();
        expect(world.status()).toMatchObject({ state: "held", reason: "paused" });
        expect(world.sentTo).toEqual([["PHONE"]]);
        await looksAfter(world, waits);
        commandsOf(world).resume(undefined);
        await world.runWatch();
        expect(world.status()).toMatchObject({ state });
        expect(world.sentTo).toHaveLength(state === "joined" ? 2 : 1);
    }
});

test("a bot that took the place and may not send any more says so, by name, and goes on when it may", async () => {
    const world = withoutDevice();
    await world.run();
    world.visibility = "joined";
    world.database.transaction(() => reconsiderRooms(world.parts(), [roomId]));
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "place_blocked" });
    expect(new Notices(world.database.sql).standingAfter(0)).toMatchObject([{ userId: charlie }]);
    world.visibility = "shared";
    await looksAfter(world, 5 * minute);
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" });
    commandsOf(world).pause(undefined);
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "place_blocked" });
    commandsOf(world).resume(undefined);
    await looksAfter(world, 5 * minute);
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" });
    world.database.transaction(() => recordOwnLeave(world, roomId));
    expect(world.status()).toMatchObject({ state: "cancelled", reason: "place_left" });
    expect(new Notices(world.database.sql).standingAfter(0)).toHaveLength(1);
});

test.each([
    ["on the human's invite, after the keys were sent", true, "joined_on_another_invite"],
    ["on the human's invite, before the keys were sent", false, "joined_before_delivery"],
])("who joins %s reads only what that human's client shared, and the job says whose", async (_, sent, reason) => {
    const world = new World();
    world.policy = never;
    if (!sent) world.reachable = false;
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.join();
    await world.runWatch();
    expect(world.status()).toMatchObject({ state: "cancelled", reason });
    expect(jobStatuses(world.database.sql, { limit: 1 })[0]?.message).toContain(`Namely: ${alice}.`);
});

test("who comes by a link leaves a row with an advice, once", () => {
    const world = new World();
    for (const [number, membership] of (["join", "leave", "join"] as const).entries())
        world.sync({ ...change(membership, `$${number}`, charlie), previous: undefined });
    expect(jobStatuses(world.database.sql, { limit: 9 })).toMatchObject([
        { state: "refused", reason: "joined_without_invite" },
    ]);
    expect(jobStory(world.database.sql, "1")?.next_step).toContain(`backscroll invite '${roomId}' ${charlie}`);
});

test("a history that is opened while somebody is invited lets their delivery go on", async () => {
    const world = new World();
    world.visibility = "joined";
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "refused", reason: "visibility_not_shared" });
    const reopened = () => world.database.transaction(() => reconsiderRooms(world.parts(), [roomId]));
    reopened();
    expect(world.status()).toMatchObject({ state: "refused" });
    world.visibility = "shared";
    reopened();
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("nobody's place is taken for keys that open nothing, and it is taken when a message uses one", async () => {
    const world = withoutDevice();
    world.usable = false;
    await world.run();
    expect(world.status()).toMatchObject({ state: "refused", reason: "nothing_used_yet" });
    expect(world.calls).not.toContain("putMember");
    world.usable = true;
    world.database.transaction(() => releaseOnceUsed(world.parts(), roomId));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" });
});

test("a message that uses a key while its use is looked for is not missed", async () => {
    const world = withoutDevice();
    const runner = new ShareRunner({
        ...world.parts(),
        isUsable: async () => {
            if (world.usable) return true;
            await setImmediate();
            world.usable = true;
            runner.keysCame([roomId]);
            world.database.transaction(() => releaseOnceUsed(world.parts(), roomId));
            return false;
        },
    });
    world.usable = false;
    runner.wake();
    await vi.waitFor(() => expect(world.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" }));
    await runner.stop();
});
