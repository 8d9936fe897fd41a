import { expect, test } from "vitest";
import { Notices } from "./ledger/notices.ts";
import { jobStory } from "./ledger/status.ts";
import { commandsOf, World } from "./testing/world.ts";
import { alice, change, charlie, roomId } from "./testing/room.ts";

function invited(more: Partial<World["policy"]> = {}): World {
    const world = new World();
    world.policy = { ...world.policy, ...more };
    world.sync(change("invite", "$invite", alice));
    return world;
}

const laptop = { deviceId: "LAPTOP", crossSigned: true, dehydrated: false };
const sendings = (world: World) => world.calls.filter((call) => call === "sendToDevice").length;
const puts = (world: World) => world.calls.filter((call) => call === "putMember").length;

test.each([
    ["the bot has taken the place", "always", "reinvited", 1],
    ["the bot takes nobody's place", "never", "refused", 0],
] as const)(
    "an inviter who is banned while their invitee has no device, and %s: nothing goes out until a person approves",
    async (_, reinvite, state, made) => {
        const world = invited({ reinvite });
        world.masterKey = null;
        world.devices = [];
        await world.run();
        expect(world.status()).toMatchObject({ state });
        world.inviterIs(alice, "removed");
        world.masterKey = "A".repeat(43);
        world.devices = [laptop];
        world.now += 60_000;
        await world.runWatch();
        expect(world.status()).toMatchObject({ state: "held", reason: "inviter_removed" });
        expect([sendings(world), puts(world)]).toEqual([0, made]);
        expect(new Notices(world.database.sql).standingAfter(0)).toMatchObject([{ userId: charlie, inviter: alice }]);

        expect(commandsOf(world).approve("1")).toMatchObject({ ok: true });
        await world.run();
        expect(sendings(world)).toBe(1);
        expect(puts(world)).toBe(made);
    },
);

test.each<[string, string]>([
    ["the keys are on their way", "sendToDevice"],
    ["the bundle is uploaded", "putMedia"],
    ["the invite is read", "memberEvent"],
])("an inviter who is banned while %s: the bot does not invite", async (_, call) => {
    const world = invited();
    world.meanwhile.set(call, () => world.inviterIs(alice, "removed"));
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "inviter_removed" });
    expect(puts(world)).toBe(0);
});

test("an inviter who is banned after the keys were sent: no further device, no refresh, and the admins are told what is done", async () => {
    const world = invited();
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
    world.inviterIs(alice, "removed");
    const [notice] = new Notices(world.database.sql).standingAfter(0);
    expect(notice).toMatchObject({
        message: expect.stringMatching(/kicked or banned.*has been sent keys.*own invite stands/),
    });
    world.devices = [...world.devices, laptop];
    world.now += 3_600_000;
    await world.runWatch();
    world.version = "2";
    world.database.transaction(() => world.refreshes.note([roomId], world.now));
    world.now += 60_000;
    const refresher = world.refresher();
    refresher.wake();
    await refresher.stop();
    expect(sendings(world)).toBe(1);

    expect(commandsOf(world).approve("1")).toMatchObject({ ok: true });
    await world.run();
    expect(world.status()).toMatchObject({
        state: "reinvited",
        devices: [{ device_id: "LAPTOP" }, { device_id: "PHONE" }],
    });
});

test("an inviter who is banned after the invitee has joined with the keys: devices that appear later are sent nothing", async () => {
    const world = invited();
    await world.run();
    world.join();
    await world.runWatch();
    const before = sendings(world);
    world.inviterIs(alice, "removed");
    expect(world.status()).toMatchObject({ state: "done", reason: "inviter_removed_since" });
    world.devices = [...world.devices, laptop];
    world.now += 3_600_000;
    await world.runWatch();
    expect(sendings(world)).toBe(before);
});

test("a command is not served past an inviter who was banned, whoever's invite stands by now", async () => {
    const world = invited();
    await world.run();
    world.inviterIs(alice, "removed");
    expect(commandsOf(world).share(roomId, charlie)).toMatchObject({
        ok: false,
        message: expect.stringContaining("kicked or banned"),
    });
});

const leaves = (world: World) => world.inviterIs(alice, "left");
const losesPower = (world: World) => {
    world.powerless.add(alice);
    world.sync();
};

test.each([
    ["who has left", leaves, "inviter_left"],
    ["who has lost the power", losesPower, "inviter_powerless"],
] as const)(
    "an inviter %s had the right: the invitee is served, and the story says so once",
    async (_, happens, reason) => {
        const world = invited();
        happens(world);
        await world.run();
        expect(world.status()).toMatchObject({ state: "reinvited" });
        world.devices = [...world.devices, laptop];
        world.now += 60_000;
        await world.runWatch();
        expect(sendings(world)).toBe(2);
        expect(world.story().filter((told) => told === reason)).toHaveLength(1);
    },
);

test("whoever approves sees how the inviter stands by now", async () => {
    const world = invited({ mode: "approval" });
    await world.run();
    const message = () => jobStory(world.database.sql, "1")?.message ?? "";
    expect(message()).toMatch(/only with approval: use `backscroll approve`\.$/);
    losesPower(world);
    expect(message()).toContain("Namely: the inviter may not invite any more.");
    leaves(world);
    expect(message()).toContain("Namely: the inviter has left the room.");
    world.inviterIs(alice, "removed");
    expect(commandsOf(world).approve("1")).toMatchObject({
        ok: false,
        message: expect.stringContaining("kicked or banned"),
    });
    expect(commandsOf(world).approve("1")).toMatchObject({ ok: true });
});

test("whoever redeemed an invite for an e-mail address waits for a person", async () => {
    const world = new World();
    world.sync(
        change("invite", "$invite", alice, {
            content: { third_party_invite: { display_name: "c...@home", signed: {} } },
        }),
    );
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "invited_by_third_party" });
    expect([sendings(world), puts(world)]).toEqual([0, 0]);
    expect(commandsOf(world).approveAll(roomId)).toMatchObject({ ok: false });
    expect(commandsOf(world).approve("1")).toMatchObject({ ok: true });
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
    // The bot's own invite, which stands by now, counts for no more than the one that it repeats.
    expect(commandsOf(world).share(roomId, charlie)).toMatchObject({
        ok: false,
        message: expect.stringContaining("e-mail address"),
    });
});
