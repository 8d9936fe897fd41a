import { expect, test, vi } from "vitest";
import { HomeserverError } from "../homeserver/index.ts";
import { faults } from "./testing/life.ts";
import { alice, change, charlie } from "./testing/room.ts";
import { World } from "./testing/world.ts";

const minute = 60_000;
const hour = 60 * minute;

/** Charlie was served and invited again, and has not joined yet. */
async function pending(): Promise<World> {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.calls.length = 0;
    world.sealed = { body: "of the newer file" };
    return world;
}

/** As a new process would: looks at what is due, refreshes what is gone, and stops. */
async function work(world: World): Promise<void> {
    const refresher = world.refresher();
    const givenFiles = world.givenFiles(() => refresher.wake());
    givenFiles.wake();
    refresher.wake();
    await vi.waitFor(() => {
        const due =
            world.files().dueLooks(world.clock.now(), 10).length + world.refreshes.due(world.clock.now()).length;
        if (due > 0) throw new Error("still at work");
    });
    await Promise.all([givenFiles.stop(), refresher.stop()]);
}

const count = (world: World, call: string) => world.calls.filter((name) => name === call).length;
const nextLook = (world: World) => (world.files().nextLookAt(world.clock.now()) ?? Number.NaN) - world.clock.now();

test("a file that somebody was given is looked at about every hour while their invite stands, and not before", async () => {
    const world = await pending();
    for (let look = 1; look <= 3; look += 1) {
        expect(nextLook(world)).toBeGreaterThanOrEqual(45 * minute);
        expect(nextLook(world)).toBeLessThanOrEqual(hour);
        await work(world);
        expect(count(world, "mediaExists")).toBe(look - 1);
        world.now += hour;
        await work(world);
        expect(world.calls).toEqual(Array.from({ length: look }, () => "mediaExists"));
    }
    world.join();
    world.now += hour;
    await work(world);
    expect([count(world, "mediaExists"), world.files().nextLookAt(world.clock.now())]).toEqual([3, undefined]);
});

test("where it is gone, a new file goes out at once to all who were given it", async () => {
    const world = await pending();
    world.media.clear();
    world.now += hour;
    await work(world);
    expect([count(world, "putMedia"), count(world, "sendToDevice"), world.media.size]).toEqual([1, 1, 1]);
    expect(world.files().deliveryOf(1)?.fileId).toBe(2);
    expect(world.status()).toMatchObject({ state: "reinvited" });
    world.now += hour;
    await work(world);
    expect(count(world, "putMedia")).toBe(1);
});

test("who has an older file that is gone is given the room's file of now, and nothing is uploaded", async () => {
    const world = await pending();
    const [old] = world.media;
    world.version = "2";
    await world.bundles().current(world.jobs.get(1)?.roomId ?? "");
    world.media.delete(old ?? "");
    world.now += hour;
    await work(world);
    expect([count(world, "putMedia"), world.files().deliveryOf(1)?.fileId]).toEqual([1, 2]);
});

test("a file that turns out to be gone while a newcomer is served is looked at at once for those who have it", async () => {
    const world = await pending();
    world.media.clear();
    world.now += 20 * minute;
    await world.bundles().current(world.jobs.get(1)?.roomId ?? "");
    await work(world);
    expect([count(world, "putMedia"), world.files().deliveryOf(1)?.fileId]).toEqual([1, 2]);
});

test.each([
    [
        "is in trouble",
        { kind: "server_error", status: 500, errcode: "M_UNKNOWN", error: "", retryAfterMs: undefined },
        minute,
    ],
    [
        "restarts",
        { kind: "server_error", status: 503, errcode: "none", error: "", retryAfterMs: 5 * minute },
        5 * minute,
    ],
    ["is busy", { kind: "rate_limited", retryAfterMs: 2 * hour }, 2 * hour],
    ["is away", { kind: "unreachable", reason: "connection", detail: "reset" }, minute],
    ["does not let the bot see it", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "" }, minute],
    ["hides behind a page", { kind: "not_matrix", status: 404, detail: "" }, minute],
] as const)(
    "a homeserver that %s says nothing of the file, and is asked again when it may be",
    async (_, problem, wait) => {
        const world = await pending();
        world.media.clear();
        world.now += hour;
        world.fault = { call: "mediaExists", error: new HomeserverError("media_exists", problem) };
        await work(world);
        expect([nextLook(world), world.refreshes.nextAt(world.clock.now())]).toEqual([wait, undefined]);
        expect(world.calls).toEqual([]);
        world.now += wait;
        await work(world);
        expect(count(world, "putMedia")).toBe(1);
        expect(world.faults).toEqual([]);
    },
);

test("where the new file is gone as well, and the next, there is no storm", async () => {
    const world = await pending();
    for (let passed = 0; passed < 12 * hour; passed += 5 * minute) {
        world.media.clear();
        world.now += 5 * minute;
        await work(world);
    }
    expect(count(world, "putMedia")).toBeGreaterThan(8);
    expect(count(world, "putMedia")).toBeLessThanOrEqual(17);
});

test("over restarts, and with a clock that is set ahead or back, a file is looked at within the hour and asked for once", async () => {
    const world = await pending();
    world.setClock(Date.UTC(2026, 0));
    for (const by of [40 * 24 * hour, -80 * 24 * hour, -30 * minute]) {
        world.setClock(world.now + by);
        await work(world);
        world.calls.length = 0;
        world.now += hour + minute;
        await work(world);
        expect(count(world, "mediaExists")).toBe(1);
    }
});

test("a stop in the middle leaves the look due", async () => {
    const world = await pending();
    world.now += hour;
    world.fault = { call: "mediaExists", error: faults.killed() };
    const givenFiles = world.givenFiles();
    givenFiles.wake();
    await vi.waitFor(() => expect(world.fault).toBeUndefined());
    await givenFiles.stop();
    expect(world.files().dueLooks(world.clock.now(), 10)).toHaveLength(1);
    expect(world.faults).toEqual([]);
});

test("whoever is held is given a new file when they are released, and those who left are not", async () => {
    const world = await pending();
    world.pauses.pause(undefined, world.now);
    world.media.clear();
    world.now += hour;
    await work(world);
    expect(count(world, "sendToDevice")).toBe(0);
    world.pauses.resume(undefined);
    world.now += 2 * minute;
    await work(world);
    expect(count(world, "sendToDevice")).toBe(1);
    world.sync(change("leave", "$left", charlie));
    expect(world.files().nextLookAt(world.clock.now())).toBeUndefined();
});
