import { expect, test } from "vitest";
import type { Member } from "../rooms/index.ts";
import { ShareCommands } from "./commands.ts";
import { alice, change, invite, roomId } from "./testing/room.ts";
import { World } from "./testing/world.ts";

const mallory = "@mallory:elsewhere";
const double = (userId: string): Member => ({
    userId,
    displayName: "charlie",
    membership: "join",
    eventId: "$m",
    sender: userId,
    isDirect: false,
});

/** Charlie was invited by somebody of a foreign server. */
async function heldForForeigner() {
    const world = new World();
    world.memberEvent = invite("$invite", mallory);
    world.sync(change("invite", "$invite", mallory));
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "inviter_server_not_trusted" });
    const parts = world.parts();
    return { world, commands: new ShareCommands({ ...parts, pauses: world.pauses, rooms: parts.facts.rooms }) };
}

test("a look-alike that arose after the hold is not approved with it, and each further one is held anew", async () => {
    const { world, commands } = await heldForForeigner();
    world.members = [double("@dora:home")];
    const first = commands.approve("1");
    expect(first).toMatchObject({
        ok: false,
        message: expect.stringMatching(/was held: The inviter's homeserver .* more: .*Namely: @dora:home/),
    });
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "looks_like_member" });

    world.members = [double("@dora:home"), double("@eve:home")];
    expect(commands.approve("1").message).toMatch(/Namely: @dora:home\..* more: .*Namely: @eve:home/);
    expect(commands.approve("1")).toMatchObject({ ok: true });
    expect(world.txnIds).toEqual([]);
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("a look-alike that arises between the approval and the delivery holds the job again", async () => {
    const { world, commands } = await heldForForeigner();
    expect(commands.approve("1").ok).toBe(true);
    world.members = [double("@dora:home")];
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "looks_like_member" });
    expect(world.txnIds).toEqual([]);
});

test("approving a whole room leaves those of whom there is more to say", async () => {
    const { world, commands } = await heldForForeigner();
    world.members = [double("@dora:home")];
    const { ok, message } = commands.approveAll(roomId);
    expect([ok, message]).toEqual([
        false,
        expect.stringMatching(/^There is nothing more to approve at once.* 1 stay held/),
    ]);
});

test("somebody whose name is shown in another order than it is written in waits for a look of their own, and is served after it", async () => {
    const world = new World();
    world.displayName = "\u{202e}eilrahC";
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "name_reordered" });
    const parts = world.parts();
    const commands = new ShareCommands({ ...parts, pauses: world.pauses, rooms: parts.facts.rooms });
    expect(commands.approveAll(roomId).ok).toBe(false);
    expect(commands.approve("1")).toMatchObject({ ok: true });
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});
