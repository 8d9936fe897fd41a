import { expect, test, vi } from "vitest";
import { HomeserverError } from "../homeserver/index.ts";
import type { Job } from "./ledger/jobs.ts";
import { nextFileAt } from "./ledger/refresh-pace.ts";
import { alice, change, charlie, roomId } from "./testing/room.ts";
import { Refreshes } from "./ledger/refreshes.ts";
import { World } from "./testing/world.ts";

const minute = 60_000;
const hour = 3_600_000;

/** Charlie was served and invited again, and has not joined yet. */
async function pending(): Promise<World> {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
    world.calls.length = 0;
    world.sealed = { body: "of the newer bundle" };
    return world;
}

/** Keys came that make another set. */
function keysCome(world: World): void {
    world.version = `${world.version}+`;
    world.database.transaction(() => world.refreshes.note([roomId], world.now));
}

/** As a new process would: works off what is due, and stops. */
async function work(world: World): Promise<void> {
    const refresher = world.refresher();
    refresher.wake();
    await vi.waitFor(() => {
        if (world.refreshes.due(world.now).length > 0) throw new Error("still at work");
    });
    await refresher.stop();
}

function job(world: World): Job {
    const found = world.jobs.get(1);
    if (found === undefined) throw new Error("there is no job");
    return found;
}

const count = (world: World, call: string) => world.calls.filter((name) => name === call).length;
const fileOf = (world: World) => world.files().deliveryOf(1)?.fileId;

test("keys that come while the invite is pending go to every device that was served, in one newer bundle", async () => {
    const world = await pending();
    const before = fileOf(world);
    keysCome(world);
    world.now += 200;
    await work(world);
    expect([count(world, "putMedia"), count(world, "sendToDevice")]).toEqual([1, 1]);
    expect(fileOf(world)).not.toBe(before);
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "reinvited" });
    expect(world.refreshes.nextAt(world.now)).toBeUndefined();
    expect(world.calls.indexOf("deliverySent")).toBeGreaterThan(world.calls.indexOf("sendToDevice"));
});

test("after a silence keys go out at once; in a series they are waited for, but not for ever", async () => {
    const world = await pending();
    keysCome(world);
    world.now += 200;
    await work(world);
    expect(count(world, "sendToDevice")).toBe(1);
    const start = world.now;
    for (let second = 0; second <= 300; second += 10) {
        world.now = start + second * 1_000;
        keysCome(world);
        if (world.refreshes.due(world.now).length > 0) break;
    }
    expect(world.now - start).toBe(2 * minute);
});

test("a series lasts over a restart, and ends with a silence", async () => {
    const world = await pending();
    const due = () => world.refreshes.nextAt(world.now);
    for (const [silence, wait] of [
        [minute, 200],
        [1_000, 20_000],
        [10_000, 20_000],
        [20_000, 200],
    ] as const) {
        world.now += silence;
        world.refreshes = new Refreshes(world.database.sql);
        await work(world);
        keysCome(world);
        expect((due() ?? Number.NaN) - world.now).toBe(wait);
    }
});

test("keys that come while somebody else is being served are sent to who was served at once, and to the other soon after", async () => {
    const world = await pending();
    world.jobs.create({ ...job(world), userId: "@dora:home", inviteEventId: "$dora" });
    world.database.sql.exec("UPDATE share_jobs SET state = 'delivering' WHERE id = 2");
    keysCome(world);
    world.now += 200;
    const waits: number[] = [];
    for (let time = 0; time < 9; time++) {
        await work(world);
        waits.push((world.refreshes.nextAt(world.now) ?? Number.NaN) - world.now);
        world.now += waits.at(-1) ?? 0;
    }
    expect(count(world, "sendToDevice")).toBe(1);
    expect(waits.slice(0, 4)).toEqual([1_000, 1_200, 2_400, 4_800]);
    expect(Math.max(...waits)).toBe(minute);
});

test("a room is made six files in an hour at most; the last change is not lost", async () => {
    const world = await pending();
    const start = world.now;
    while (world.now < start + hour - minute) {
        keysCome(world);
        world.now += minute;
        await work(world);
    }
    expect(count(world, "putMedia")).toBe(5);
    world.now = (world.refreshes.nextAt(world.now) ?? Number.NaN) + minute;
    await work(world);
    expect(count(world, "putMedia")).toBe(6);
    expect(fileOf(world)).toBe(7);
});

test("keys that come while the sixth file of an hour is made wait for the next hour", async () => {
    const world = await pending();
    for (let file = 2; file <= 6; file += 1) {
        keysCome(world);
        world.now = nextFileAt(world.files().madeAt(roomId), world.now + 1_000);
        if (file === 6) world.meanwhile.set("look", () => world.meanwhile.delete("look") && keysCome(world));
        await work(world);
    }
    expect([count(world, "putMedia"), fileOf(world)]).toEqual([5, 6]);
});

test("a refresh that crosses the bot's own invite is made again", async () => {
    const world = new World();
    world.policy = { ...world.policy, reinvite: "when_better" };
    world.comparison = "worse";
    world.sync(change("invite", "$invite", alice));
    await world.run();
    const job = world.jobs.get(1);
    expect(job).toMatchObject({ state: "delivered", reason: "coverage_incomplete" });
    keysCome(world);
    world.now += minute;
    world.meanwhile.set("sealBundle", () => job !== undefined && world.jobs.move(job, "reinvited", "reinvited"));
    await work(world);
    world.meanwhile.clear();
    expect(fileOf(world)).toBe(1);
    world.now += minute;
    await work(world);
    expect(fileOf(world)).toBe(2);
});

test("a refresh that finds another identity holds the job", async () => {
    const world = await pending();
    keysCome(world);
    world.now += minute;
    world.masterKey = "B".repeat(43);
    await work(world);
    expect(world.status()).toMatchObject({ state: "held", reason: "identity_changed" });
    expect(count(world, "sendToDevice")).toBe(0);
});

test("a stock-taking without new keys sends nothing again", async () => {
    const world = await pending();
    world.database.transaction(() => world.refreshes.note([roomId], world.now));
    world.now += minute;
    await work(world);
    expect(world.calls).toEqual(["shareableSet"]);
    expect(world.refreshes.nextAt(world.now)).toBeUndefined();
});

test.each<[string, (world: World) => void]>([
    ["has joined", (world) => world.sync(change("join", "$join", charlie))],
    ["is invited no more", (world) => world.sync(change("leave", "$withdrawn", alice))],
])("nobody is sent anything again who %s", async (_, happen) => {
    const world = await pending();
    happen(world);
    keysCome(world);
    expect(world.refreshes.nextAt(world.now)).toBeUndefined();
    const late = await pending();
    keysCome(late);
    happen(late);
    late.now += minute;
    await work(late);
    expect(late.calls).toEqual([]);
});

test("a paused room is refreshed once sharing goes on, a closed one when it is opened again", async () => {
    const world = await pending();
    keysCome(world);
    world.pauses.pause(undefined, world.now);
    world.now += minute;
    await work(world);
    expect(world.calls).toEqual([]);
    world.pauses.resume(undefined);
    world.now += 2 * minute;
    await work(world);
    expect(count(world, "sendToDevice")).toBe(1);

    keysCome(world);
    world.visibility = "invited";
    world.now += minute;
    await work(world);
    expect(count(world, "putMedia")).toBe(1);
    world.visibility = "shared";
    world.now += 2 * minute;
    await work(world);
    expect(count(world, "putMedia")).toBe(2);
});

test("a room is not refreshed by a device that its own identity does not sign, and is once it does again", async () => {
    const world = await pending();
    keysCome(world);
    world.crossSigned = false;
    world.now += minute;
    await work(world);
    expect(world.calls).toEqual([]);
    world.crossSigned = true;
    world.now += 2 * minute;
    await work(world);
    expect(count(world, "sendToDevice")).toBe(1);
});

test("keys that everybody was given already begin no series: the next are sent at once", async () => {
    const world = await pending();
    world.database.transaction(() => world.refreshes.note([roomId], world.now));
    world.now += 200;
    await work(world);
    expect(count(world, "putMedia")).toBe(0);
    keysCome(world);
    expect(world.refreshes.due(world.now + 200)).toHaveLength(1);
});

test.each([
    "shareableSet",
    "buildBundle",
    "createMedia",
    "putMedia",
    "refresh",
    "sealBundle",
    "sendToDevice",
    "deliverySent",
])("a refresh that fails before or after %s is made later, with one upload", async (call) => {
    for (const after of [false, true]) {
        const world = await pending();
        keysCome(world);
        world.now += minute;
        world.fault = {
            call,
            after,
            error: new HomeserverError(call, { kind: "unreachable", reason: "connection", detail: "killed" }),
        };
        await work(world);
        world.now += 2 * minute;
        await work(world);
        expect(world.refreshes.nextAt(world.now)).toBeUndefined();
        expect(world.media.size).toBe(2);
        expect(count(world, "putMedia")).toBe(1);
        expect(new Set(world.txnIds).size).toBe(2);
    }
});

test("keys that come during a refresh make another one", async () => {
    const world = await pending();
    keysCome(world);
    world.now += minute;
    world.meanwhile.set("sendToDevice", () => {
        world.meanwhile.clear();
        world.version = "even newer";
        // In the transaction that counts them.
        world.refreshes.note([roomId], world.now);
    });
    await work(world);
    expect(world.refreshes.nextAt(world.now)).toBe(world.now + 20_000);
});

test("a stop in the middle leaves the refresh due", async () => {
    const world = await pending();
    keysCome(world);
    world.now += minute;
    world.fault = { call: "sendToDevice", error: new DOMException("stop", "AbortError") };
    const refresher = world.refresher();
    refresher.wake();
    await vi.waitFor(() => expect(world.fault).toBeUndefined());
    await refresher.stop();
    expect(world.refreshes.due(world.now)).toHaveLength(1);
    await work(world);
    expect([count(world, "putMedia"), fileOf(world)]).toEqual([1, 2]);
    world.now += 20_000;
    await work(world);
    expect(world.refreshes.nextAt(world.now)).toBeUndefined();
    expect(count(world, "sendToDevice")).toBe(1);
});

test("keys that come during a refresh make another one, also after keys have come for long", async () => {
    const world = await pending();
    for (let second = 0; second <= 120; second += 10) {
        keysCome(world);
        world.now += 10_000;
    }
    world.meanwhile.set("sendToDevice", () => {
        world.meanwhile.clear();
        world.version = "even newer";
        world.refreshes.note([roomId], world.now);
    });
    await work(world);
    world.now += minute;
    await work(world);
    expect(count(world, "putMedia")).toBe(2);
    expect(fileOf(world)).toBe(3);
});

test("keys that come while somebody is being served, and may not be in what they are sent, are sent after", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.meanwhile.set("sealBundle", () => {
        world.meanwhile.clear();
        world.version = "newer";
        world.refreshes.note([roomId], world.now);
    });
    await world.run();
    expect(fileOf(world)).toBe(1);
    world.now += minute;
    await work(world);
    expect(fileOf(world)).toBe(2);
});

test("a device that came later and was given the newer keys keeps nobody's other devices from them", async () => {
    const world = await pending();
    keysCome(world);
    world.devices = [...world.devices, { deviceId: "LAPTOP", crossSigned: true, dehydrated: false }];
    world.now += 15_000;
    await world.runWatch();
    world.now += minute;
    await work(world);
    expect(world.sentTo).toEqual([["PHONE"], ["LAPTOP"], ["PHONE", "LAPTOP"]]);
});

test("devices that are gone are not asked for again and again", async () => {
    const world = await pending();
    keysCome(world);
    world.devices = [{ deviceId: "LAPTOP", crossSigned: true, dehydrated: false }];
    world.now += minute;
    await work(world);
    expect(world.refreshes.nextAt(world.now)).toBeUndefined();
});

test("a homeserver that does not answer is asked ever more rarely; what comes meanwhile is for the others at once", async () => {
    const world = await pending();
    keysCome(world);
    world.reachable = false;
    world.now += minute;
    const waits: number[] = [];
    for (let time = 0; time < 8; time++) {
        await work(world);
        waits.push((world.refreshes.nextAt(world.now) ?? Number.NaN) - world.now);
        world.now += waits.at(-1) ?? 0;
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((minutes) => minutes * minute));
    world.now += minute;
    await work(world);
    keysCome(world);
    expect(world.refreshes.nextAt(world.now)).toBe(world.now + 200);
});

test.each(["putMedia", "sendToDevice"])(
    "a homeserver that refuses %s for a time is left alone for so long, also when keys come",
    async (call) => {
        const world = await pending();
        keysCome(world);
        world.now += minute;
        world.fault = { call, error: new HomeserverError(call, { kind: "rate_limited", retryAfterMs: 10 * hour }) };
        await work(world);
        const until = world.now + 10 * hour;
        expect(world.refreshes.nextAt(world.now)).toBe(until);
        keysCome(world);
        expect(world.refreshes.nextAt(world.now)).toBe(until);
        world.now = until;
        await work(world);
        expect(world.versions.get([...world.media].at(-1) ?? "")).toBe(world.version);
        expect(world.refreshes.nextAt(world.now)).toBeUndefined();
    },
);

test("a refresh that the homeserver refuses is made when it allows it", async () => {
    const world = await pending();
    keysCome(world);
    world.now += minute;
    const problem = { kind: "invalid", status: 400, errcode: "M_USER_LIMIT_EXCEEDED", error: "" } as const;
    world.fault = { call: "createMedia", error: new HomeserverError("create_media", problem) };
    await work(world);
    expect(fileOf(world)).toBe(1);
    world.now += minute;
    await work(world);
    expect(fileOf(world)).toBe(2);
});

test("while no new file may be made, who has an older one than the newest is given that", async () => {
    const world = await pending();
    for (let file = 2; file <= 6; file += 1) {
        world.version = `${world.version}+`;
        await world.bundles().current(roomId);
    }
    keysCome(world);
    world.now += 200;
    await work(world);
    expect([count(world, "putMedia"), fileOf(world)]).toEqual([5, 6]);
    expect(world.refreshes.nextAt(world.now)).toBeGreaterThan(world.now + 50 * minute);
});

test("one room whose invitees cannot be reached holds up no other", async () => {
    const world = await pending();
    keysCome(world);
    world.now += minute;
    world.database.sql.exec(
        `INSERT INTO bundle_refreshes (room_id, since, due_at) VALUES ('!other:home', ${world.now}, ${world.now})`,
    );
    const refresher = world.refresher();
    let other: unknown;
    world.meanwhile.set("look", () => {
        other = world.refreshes.due(world.now).map(({ key }) => key);
    });
    refresher.wake();
    await vi.waitFor(() => expect(other).toBeDefined());
    await refresher.stop();
    expect(other).toEqual([roomId]);
});

test("a clock that was set back puts no refresh off", async () => {
    const world = await pending();
    keysCome(world);
    world.now -= 30 * 24 * hour;
    world.now += minute;
    await work(world);
    expect(world.refreshes.nextAt(world.clock.now())).toBeUndefined();
    expect(world.calls).not.toEqual([]);
});

test("while the ledger cannot be written, the refresher rests", async () => {
    const world = await pending();
    keysCome(world);
    world.now += minute;
    world.database.sql.exec(
        "CREATE TRIGGER full BEFORE DELETE ON bundle_refreshes BEGIN SELECT raise(ABORT, 'database or disk is full'); END",
    );
    const refresher = world.refresher();
    refresher.wake();
    await vi.waitFor(() => expect(world.faults).toHaveLength(1));
    const asked = count(world, "shareableSet");
    refresher.wake();
    await refresher.stop();
    expect([world.faults.length, count(world, "shareableSet")]).toEqual([1, asked]);
});
