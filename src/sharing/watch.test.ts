import { expect, test } from "vitest";
import { HomeserverError } from "../homeserver/index.ts";
import { ShareCommands } from "./commands.ts";
import { Notices } from "./ledger/notices.ts";
import { releaseUncovered } from "./reinvite/reinvite-record.ts";
import { alice, change, charlie } from "./testing/room.ts";
import { World } from "./testing/world.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const phone = { deviceId: "PHONE", crossSigned: true, dehydrated: false };
const laptop = { deviceId: "LAPTOP", crossSigned: true, dehydrated: false };
const unsigned = { deviceId: "LAPTOP", crossSigned: false, dehydrated: false };

/** A world in which Charlie's phone was served and the invite waits for an answer. */
async function served(): Promise<World> {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.sentTo).toEqual([["PHONE"]]);
    return world;
}

async function looksAfter(world: World, milliseconds: number): Promise<void> {
    world.now += milliseconds;
    await world.runWatch();
}

const states = (world: World) =>
    Object.fromEntries((world.status().devices ?? []).map((device) => [device.device_id, device.state]));

test("a device that logs in while the invite is pending gets its copy, and only that one", async () => {
    const world = await served();
    world.devices = [phone, laptop];
    await looksAfter(world, minute);
    expect(world.sentTo).toEqual([["PHONE"], ["LAPTOP"]]);
    await looksAfter(world, hour);
    expect(world.sentTo).toHaveLength(2);
    expect(states(world)).toEqual({ PHONE: "sent", LAPTOP: "sent" });
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("a device that is signed later gets its copy then", async () => {
    const world = await served();
    world.devices = [phone, unsigned];
    await looksAfter(world, minute);
    expect(states(world)).toEqual({ PHONE: "sent", LAPTOP: "not_cross_signed" });
    world.devices = [phone, laptop];
    await looksAfter(world, hour);
    expect(world.sentTo).toEqual([["PHONE"], ["LAPTOP"]]);
});

test("a device without a one-time key is tried again", async () => {
    const world = new World();
    world.devices = [phone, laptop];
    world.silent.add("LAPTOP");
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(states(world)).toEqual({ PHONE: "sent", LAPTOP: "no_session" });
    await looksAfter(world, minute);
    world.silent.clear();
    await looksAfter(world, hour);
    expect(world.sentTo).toEqual([["PHONE"], ["LAPTOP"]]);
});

test("a device that is gone is forgotten, unless it was sent its copy", async () => {
    const world = await served();
    world.devices = [phone, unsigned];
    await looksAfter(world, minute);
    world.devices = [];
    await looksAfter(world, hour);
    expect(states(world)).toEqual({ PHONE: "sent" });
});

test("whoever had no signed device when invited is served when they have one", async () => {
    const world = new World();
    world.devices = [{ ...phone, crossSigned: false }];
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" });
    expect(states(world)).toEqual({ PHONE: "not_cross_signed" });
    world.devices = [phone];
    await looksAfter(world, minute);
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "already_inviter" });
    expect(states(world)).toEqual({ PHONE: "sent" });
});

test("whoever had no signed device, and has one by another identity, waits for a human, who is told", async () => {
    const world = new World();
    world.devices = [{ ...phone, crossSigned: false }];
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" });
    world.devices = [phone];
    world.masterKey = "B".repeat(43);
    await looksAfter(world, minute);
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "identity_changed" });
    expect(world.sentTo).toEqual([]);
});

test("a refused job whose invite is over is not looked at any more", async () => {
    const world = new World();
    world.masterKey = null;
    world.answersWhole = false;
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.memberEvent = { ...world.memberEvent, content: { membership: "leave" } };
    world.masterKey = "A".repeat(43);
    await looksAfter(world, minute);
    expect(world.calls).not.toContain("look");
    expect(world.status()).toMatchObject({ state: "refused", reason: "no_identity" });
});

test("right after the join every device gets one more copy, and no third", async () => {
    const world = await served();
    world.now += minute;
    world.join();
    await world.runWatch();
    expect(world.sentTo).toEqual([["PHONE"], ["PHONE"]]);
    await looksAfter(world, hour);
    expect(world.sentTo).toHaveLength(2);
    expect(world.status()).toMatchObject({ state: "joined" });
});

test("a device that appears within minutes of the join is served; one that appears hours later is not", async () => {
    const world = await served();
    world.join();
    await world.runWatch();
    world.devices = [phone, laptop];
    await looksAfter(world, minute);
    world.devices = [phone, laptop, { deviceId: "TABLET", crossSigned: true, dehydrated: false }];
    await looksAfter(world, 5 * hour);
    await looksAfter(world, 5 * hour);
    expect(world.sentTo.flat()).not.toContain("TABLET");
    expect(world.sentTo.flat()).toContain("LAPTOP");
    expect(states(world)).toEqual({ PHONE: "sent", LAPTOP: "sent" });
});

test("a device that was there at the join and is signed within a day is served", async () => {
    const world = await served();
    world.devices = [phone, unsigned];
    world.join();
    await world.runWatch();
    world.devices = [phone, laptop];
    await looksAfter(world, 20 * hour);
    expect(world.sentTo.flat()).toContain("LAPTOP");
});

test("a homeserver that was away at the join is asked until it answers, and what it has then counts as there at the join", async () => {
    const world = await served();
    world.join();
    world.reachable = false;
    await world.runWatch();
    world.devices = [phone, laptop];
    await looksAfter(world, 3 * hour);
    world.reachable = true;
    await looksAfter(world, 3 * hour);
    expect(world.sentTo[1]).toEqual(["PHONE", "LAPTOP"]);
});

test("a day after the join the job is done", async () => {
    const world = await served();
    world.join();
    await world.runWatch();
    await looksAfter(world, day - 1);
    expect(world.status()).toMatchObject({ state: "joined" });
    await looksAfter(world, hour);
    expect(world.status()).toMatchObject({ state: "done", reason: "watched_long_enough" });
});

test("whoever leaves again within the day gets nothing more", async () => {
    const world = await served();
    world.join();
    world.sync(change("leave", "$left", charlie));
    await world.runWatch();
    expect(world.sentTo).toHaveLength(1);
    expect(world.status()).toMatchObject({ state: "done", reason: "left_again" });
});

test("an invite that nobody answers is not looked at for ever, and a late join is served all the same", async () => {
    const world = await served();
    await looksAfter(world, 31 * day);
    expect(world.status()).toMatchObject({ state: "expired", reason: "unanswered" });
    world.devices = [phone, laptop];
    world.join();
    await world.runWatch();
    expect(world.status()).toMatchObject({ state: "joined" });
    expect(world.sentTo.at(-1)).toEqual(["PHONE", "LAPTOP"]);
});

test("a changed identity gets nothing more: the pending invite is held, a joined one is done", async () => {
    for (const [joined, state] of [
        [false, "held"],
        [true, "done"],
    ] as const) {
        const world = await served();
        if (joined) world.join();
        world.masterKey = "B".repeat(43);
        world.devices = [phone, laptop];
        await looksAfter(world, minute);
        expect(world.sentTo).toHaveLength(1);
        expect(world.status()).toMatchObject({ state, reason: "identity_changed" });
    }
});

test.each([
    ["delivered", "held", /Namely: keys went to 1 device of the earlier one, and nobody can take them back\.$/],
    ["reinvited", "held", /nobody can take them back; the bot's own invite stands until somebody withdraws it\.$/],
    ["joined", "done", /keys went to 1 device of the earlier one/],
] as const)(
    "another identity on the same device, of somebody whose job is %s: it is %s, and the admins are told what cannot be undone",
    async (state, then, told) => {
        const world = new World();
        world.policy = { ...world.policy, reinvite: "when_better" };
        if (state === "delivered") world.comparison = "worse";
        world.sync(change("invite", "$invite", alice));
        await world.run();
        if (state === "joined") world.join();
        expect(world.status()).toMatchObject({ state });
        world.masterKey = "B".repeat(43);
        await looksAfter(world, minute);
        expect(world.status()).toMatchObject({ state: then, reason: "identity_changed" });
        expect(new Notices(world.database.sql).standingAfter(0)).toMatchObject([
            { state: then, message: expect.stringMatching(told) },
        ]);
        await looksAfter(world, day);
        expect(world.sentTo).toEqual([["PHONE"]]);
        // Keys of the room make the bot's bundle the better one: that is no reason to invite somebody else.
        world.comparison = "better";
        world.database.transaction(() => releaseUncovered(world.parts()));
        await world.run();
        expect(world.calls.filter((call) => call === "putMember")).toHaveLength(state === "delivered" ? 0 : 1);
    },
);

test("who was trusted by their new fingerprint goes on", async () => {
    const world = await served();
    world.masterKey = "B".repeat(43);
    await looksAfter(world, minute);
    const { facts } = world.parts();
    const commands = new ShareCommands({ ...world.parts(), pauses: world.pauses, rooms: facts.rooms });
    expect(commands.trust(charlie, world.masterKey).message).toMatch(/1 held deliveries were released/);
    world.sealed = { body: "for the new identity" };
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "already_inviter" });
    expect(world.sentTo).toEqual([["PHONE"], ["PHONE"]]);
});

test.each(["reinvited", "joined", "delivered"] as const)(
    "a clock that jumps forty days ahead for a minute ends nothing: a job that is %s stays it, and ends in its time",
    async (state) => {
        const world = new World();
        world.policy = { ...world.policy, reinvite: "when_better" };
        if (state === "delivered") world.comparison = "worse";
        world.sync(change("invite", "$invite", alice));
        await world.run();
        if (state === "joined") world.join();
        await looksAfter(world, minute);
        world.setClock(world.now + 40 * day);
        await looksAfter(world, minute);
        await world.run();
        expect(world.status()).toMatchObject({ state });
        world.setClock(world.now - 40 * day);
        await looksAfter(world, 13 * hour);
        expect(world.status()).toMatchObject({ state });
        await looksAfter(world, 30 * day);
        expect(world.status()).toMatchObject({ state: state === "joined" ? "done" : "expired" });
    },
);

test("a fault under a clock that has jumped ahead does not end a job that is tried again", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.setClock(world.now + 40 * day);
    world.fault = {
        call: "refresh",
        error: new HomeserverError("keys_query", { kind: "unreachable", reason: "connection", detail: "reset" }),
    };
    await world.runUntil(() => expect(world.fault).toBeUndefined());
    expect(world.status()).toMatchObject({ state: "queued", reason: "homeserver_unavailable" });
});

test("while sharing is paused nobody is asked for keys, and what was due is made up for afterwards", async () => {
    const world = await served();
    world.pauses.pause(undefined, world.now);
    world.join();
    await world.runWatch();
    expect(world.calls.filter((call) => call === "refresh")).toHaveLength(1);
    world.pauses.resume(undefined);
    await looksAfter(world, 6 * minute);
    expect(world.sentTo).toEqual([["PHONE"], ["PHONE"]]);
});

test("the same while the bot's own device is not signed by its identity", async () => {
    const world = await served();
    world.crossSigned = false;
    world.join();
    await world.runWatch();
    expect(world.calls.filter((call) => call === "refresh")).toHaveLength(1);
    world.crossSigned = true;
    await looksAfter(world, 6 * minute);
    expect(world.sentTo).toEqual([["PHONE"], ["PHONE"]]);
});

test.each(["look", "openSessions", "sealBundle", "sendToDevice", "deliverySent"])(
    "a process that died before or after %s serves the new device at its next look, with no second upload and no other transaction",
    async (call) => {
        for (const after of [false, true]) {
            const world = await served();
            world.devices = [phone, laptop];
            world.fault = {
                call,
                after,
                error: new HomeserverError(call, { kind: "unreachable", reason: "connection", detail: "killed" }),
            };
            await looksAfter(world, minute);
            await looksAfter(world, 10 * minute);
            expect(states(world)).toEqual({ PHONE: "sent", LAPTOP: "sent" });
            expect(world.calls.filter((name) => name === "putMedia")).toHaveLength(1);
            expect(new Set(world.txnIds).size).toBe(2);
        }
    },
);

test("a stop in the middle of a look leaves it due", async () => {
    const world = await served();
    world.devices = [phone, laptop];
    world.now += minute;
    const { watch, watches } = world.watch();
    world.fault = { call: "look", error: new DOMException("the bot stops", "AbortError") };
    watch.wake();
    await expect.poll(() => world.fault).toBeUndefined();
    await watch.stop();
    expect(watches.due(world.now, 1)).toHaveLength(1);
    await world.runWatch();
    expect(world.sentTo).toEqual([["PHONE"], ["LAPTOP"]]);
});

test("a look that was written under a clock far ahead is due", async () => {
    const world = new World();
    world.setClock(world.now + 365 * day);
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.setClock(world.now - 365 * day);
    world.now += 15_000;
    world.devices = [phone, laptop];
    await world.runWatch();
    expect(world.sentTo).toEqual([["PHONE"], ["LAPTOP"]]);
});

test("a join that was written under a clock far ahead is watched for a day, not until that time", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.now += 365 * day;
    world.join();
    world.now -= 365 * day;
    await world.runWatch();
    for (let hours = 0; hours < 30; hours++) {
        world.now += day / 24;
        await world.runWatch();
    }
    expect(world.status()).toMatchObject({ state: "done", reason: "watched_long_enough" });
});
