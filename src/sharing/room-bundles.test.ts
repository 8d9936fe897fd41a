import { expect, test } from "vitest";
import { unpackTimes } from "../crypto/index.ts";
import { HomeserverError } from "../homeserver/index.ts";
import { alice, change, roomId } from "./testing/room.ts";
import { World } from "./testing/world.ts";

const day = 24 * 3_600_000;
const count = (world: World, call: string) => world.calls.filter((name) => name === call).length;
const killed = (call: string) =>
    new HomeserverError(call, { kind: "unreachable", reason: "connection", detail: "killed" });

test("thirty jobs of one room at once are one build and one upload", async () => {
    const world = new World();
    const bundles = world.bundles();
    const files = await Promise.all(Array.from({ length: 30 }, () => bundles.current(roomId)));
    expect(new Set(files.map(({ id }) => id)).size).toBe(1);
    expect([count(world, "buildBundle"), count(world, "createMedia"), count(world, "putMedia")]).toEqual([1, 1, 1]);
});

test("who comes while a file of earlier keys is uploaded waits, and is given the newer keys", async () => {
    const world = new World();
    const bundles = world.bundles();
    const late: Promise<{ readonly id: number }>[] = [];
    world.meanwhile.set("putMedia", () => {
        world.meanwhile.clear();
        world.version = "2";
        late.push(bundles.current(roomId), bundles.current(roomId));
    });
    const first = await bundles.current(roomId);
    const ids = (await Promise.all(late)).map(({ id }) => id);
    expect(ids).toEqual([first.id + 1, first.id + 1]);
    expect([count(world, "buildBundle"), count(world, "putMedia")]).toEqual([2, 2]);
});

test("while nothing changed, a file serves again, also after a restart, and is asked for when it was not seen for long", async () => {
    const world = new World();
    const first = await world.bundles().current(roomId);
    world.now += 60_000;
    expect(await world.bundles().current(roomId)).toMatchObject({ id: first.id, file: first.file });
    expect(count(world, "mediaExists")).toBe(0);
    world.now += 3_600_000;
    expect(await world.bundles().current(roomId)).toMatchObject({ id: first.id });
    expect([count(world, "mediaExists"), count(world, "putMedia")]).toEqual([1, 1]);
});

test.each<[string, (world: World) => void]>([
    ["another set of sessions", (world) => (world.version = "2")],
    ["another mode", (world) => (world.policy = { ...world.policy, mode: "approval" })],
    ["another cap", (world) => (world.policy = { ...world.policy, max_sessions: 7 })],
    ["another age", (world) => (world.policy = { ...world.policy, max_age: day })],
    ["another history visibility", (world) => (world.visibility = "world_readable")],
    ["a day", (world) => (world.now += day)],
    ["a clock that was set back", (world) => (world.now -= day)],
    [
        "a file that the homeserver has no more",
        (world) => {
            world.media.clear();
            world.now += 3_600_000;
        },
    ],
])("%s retires the file", async (_, happen) => {
    const world = new World();
    const first = await world.bundles().current(roomId);
    happen(world);
    const second = await world.bundles().current(roomId);
    expect(second.id).not.toBe(first.id);
    expect(second.file.url).not.toBe(first.file.url);
    expect(second.file.key.k).not.toBe(first.file.key.k);
    expect(count(world, "putMedia")).toBe(2);
});

test("a file with an age limit is used for an hour", async () => {
    const world = new World();
    world.policy = { ...world.policy, max_age: 30 * day };
    const first = await world.bundles().current(roomId);
    expect(world.built[0]).toMatchObject({ limits: { notBefore: world.now - 30 * day } });
    expect([...unpackTimes(world.built[0]?.times ?? [])]).toMatchObject([{ sessionId: "used" }]);
    world.now += 3_600_000;
    expect((await world.bundles().current(roomId)).id).not.toBe(first.id);
});

test.each(["createMedia", "putMedia"])("a process that dies before %s uploads once in the end", async (call) => {
    const world = new World();
    world.fault = { call, error: killed(call) };
    await expect(world.bundles().current(roomId)).rejects.toThrow("killed");
    await world.bundles().current(roomId);
    expect([world.media.size, count(world, "putMedia")]).toEqual([1, 1]);
});

test("a process that dies after the upload, and before it knows of that, asks and does not upload again", async () => {
    const world = new World();
    world.fault = { call: "putMedia", after: true, error: killed("putMedia") };
    await expect(world.bundles().current(roomId)).rejects.toThrow("killed");
    expect(world.media.has((await world.bundles().current(roomId)).file.url)).toBe(true);
    expect([count(world, "putMedia"), count(world, "mediaExists"), count(world, "buildBundle")]).toEqual([1, 1, 1]);
});

test("an upload that did not arrive is made again with the same key, and with another one if the content changed", async () => {
    const world = new World();
    world.fault = { call: "putMedia", error: killed("putMedia") };
    await expect(world.bundles().current(roomId)).rejects.toThrow("killed");
    world.fault = undefined;
    await world.bundles().current(roomId);
    expect(world.built[1]?.key).toEqual(world.built[0]?.key);
    expect(count(world, "createMedia")).toBe(1);

    world.version = "2";
    world.fault = { call: "putMedia", error: killed("putMedia") };
    await expect(world.bundles().current(roomId)).rejects.toThrow("killed");
    world.disturbance = "a merge has changed the order";
    await world.bundles().current(roomId);
    const [third, fourth, fifth] = world.built.slice(2);
    expect(fourth?.key).toEqual(third?.key);
    expect(fifth?.key).not.toEqual(third?.key);
    expect(count(world, "createMedia")).toBe(3);
});

test("where the homeserver does not let the bot see whether it has a file, another one is made; where it is busy, none", async () => {
    const world = new World();
    const first = await world.bundles().current(roomId);
    world.now += 3_600_000;
    world.fault = {
        call: "mediaExists",
        error: new HomeserverError("media_exists", { kind: "rate_limited", retryAfterMs: 1 }),
    };
    await expect(world.bundles().current(roomId)).rejects.toThrow("slow down");
    world.fault = {
        call: "mediaExists",
        error: new HomeserverError("media_exists", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "" }),
    };
    expect((await world.bundles().current(roomId)).id).toBe(first.id + 1);
});

test("an upload that failed fails for all who waited for it, and the next one is made anew", async () => {
    const world = new World();
    world.fault = { call: "putMedia", error: killed("putMedia") };
    const bundles = world.bundles();
    const ends = await Promise.allSettled([bundles.current(roomId), bundles.current(roomId)]);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(bundles.current(roomId)).resolves.toMatchObject({ seenAt: world.now });
});

test.each([
    ["is not asked for a small one", 1_000, 5_000_000, undefined],
    ["is asked for a large one and kept to", 3_000_000, 5_000_000, 5_000_000],
    ["may be missing", 3_000_000, undefined, undefined],
])("the server's limit %s", async (_, bytes, limit, maxBytes) => {
    const world = new World();
    world.bundleBytes = bytes;
    world.uploadLimit = limit;
    await world.bundles().current(roomId);
    expect(world.built[0]?.limits.maxBytes).toBe(maxBytes);
});

test("what people send who were never in the room makes no new file, however much it is; whatever else changes does", async () => {
    const world = new World();
    const first = await world.bundles().current(roomId);
    world.outsiders = ["@mallory:elsewhere"];
    for (let flood = 0; flood < 3; flood++) {
        world.ofStrangers += "!";
        expect(await world.bundles().current(roomId)).toMatchObject({ id: first.id, file: first.file });
        expect(await world.bundles().current(roomId)).toMatchObject({ id: first.id });
    }
    expect([count(world, "putMedia"), count(world, "buildBundle")]).toEqual([1, 4]);

    world.version = "2";
    const second = await world.bundles().current(roomId);
    expect(second.id).not.toBe(first.id);
    expect(second.file.key).not.toEqual(first.file.key);
    world.ofStrangers += "!";
    world.visibility = "world_readable";
    expect((await world.bundles().current(roomId)).id).not.toBe(second.id);
    expect(count(world, "putMedia")).toBe(3);
});

test("where an age is set, an event that tells one makes a new file; elsewhere it does not", async () => {
    const world = new World();
    const first = await world.bundles().current(roomId);
    world.times = "1 event";
    expect((await world.bundles().current(roomId)).id).toBe(first.id);
    world.policy = { ...world.policy, max_age: day };
    const aged = await world.bundles().current(roomId);
    expect(aged.id).not.toBe(first.id);
    world.times = "2 events";
    expect((await world.bundles().current(roomId)).id).not.toBe(aged.id);
});

test("the job says when older sessions were left out, once, and keeps what the file held", async () => {
    const world = new World();
    world.leftOut = { tooOld: 2, overLimit: 3, fromStrangers: 1 };
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "reinvited" });
    expect(world.story()).toEqual(["invited", "delivering", "older_left_out", "sent", "reinvited"]);
    expect(world.files().deliveryOf(1)).toMatchObject({
        contents: { shared: 3, tooOld: 2, overLimit: 3 },
        at: world.now,
    });
});

test("retired files are forgotten when no open job was given them, an hour later", async () => {
    const world = new World();
    const rows = () =>
        world.database.sql
            .prepare("SELECT id FROM bundle_files ORDER BY id")
            .all()
            .map(({ id }) => id);
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.version = "2";
    await world.bundles().current(roomId);
    world.now += 2 * 3_600_000;
    world.version = "3";
    await world.bundles().current(roomId);
    expect(rows()).toEqual([1, 3]);
    world.sync(change("leave", "$withdrawn", alice));
    world.now += 2 * 3_600_000;
    world.version = "4";
    await world.bundles().current(roomId);
    expect(rows()).toEqual([4]);
});

test("the ledger shows no key", async () => {
    const world = new World();
    const { file } = await world.bundles().current(roomId);
    const stored = world.database.sql
        .prepare("SELECT * FROM bundle_files")
        .all()
        .map((row) => Buffer.from(row["file"] as Uint8Array).toString("latin1"));
    expect(stored.join()).not.toContain(file.key.k);
    expect(stored.join()).not.toContain(file.url);
});
