import { expect, test } from "vitest";
import type { Membership } from "../matrix/index.ts";
import { jobStory } from "./ledger/status.ts";
import { alice, bot, change, charlie, invite, roomId } from "./testing/room.ts";
import { commandsOf, World } from "./testing/world.ts";

/** A world in which Charlie is nothing in the room, or something else than invited. */
function world(membership: Membership): World {
    const made = new World();
    stands(made, membership, "$before");
    return made;
}

function stands(made: World, membership: Membership, eventId: string, sender = charlie): void {
    made.memberEvent = { ...invite(eventId, sender), content: { membership } };
    made.sync(change(membership, eventId, sender));
}

const order = (made: World) => made.calls.filter((call) => call === "sendToDevice" || call === "putMember");

test.each(["leave", "knock"] as const)(
    "the keys go first and then the invite, which is the only one, to who stands at %s",
    async (membership) => {
        const made = world(membership);
        expect(commandsOf(made).invite(roomId, charlie)).toMatchObject({ ok: true, jobId: "1" });
        await made.run();
        expect(order(made)).toEqual(["sendToDevice", "putMember"]);
        expect(made.memberEvent).toMatchObject({ sender: bot, content: { membership: "invite" } });
        expect(made.status()).toMatchObject({ state: "reinvited", reason: "invited_by_bot" });
        made.join();
        await made.runWatch();
        expect(made.status()).toMatchObject({ state: "joined" });
        expect(made.sentTo).toHaveLength(2);
    },
);

test("who joined without the history is delivered to first, told to leave then, and invited when they have", async () => {
    const made = world("join");
    expect(commandsOf(made).invite(roomId, charlie)).toMatchObject({
        ok: true,
        message: expect.stringContaining("when they can leave"),
    });
    await made.run();
    expect(made.status()).toMatchObject({ state: "delivered", reason: "waits_for_leave" });
    expect(jobStory(made.database.sql, "2")?.next_step).toContain(`Tell ${charlie} to leave the room now`);
    expect(order(made)).toEqual(["sendToDevice"]);
    stands(made, "leave", "$left");
    await made.run();
    expect(order(made)).toEqual(["sendToDevice", "putMember"]);
    expect(made.status()).toMatchObject({ state: "reinvited", reason: "invited_by_bot" });
});

test.each<[string, (made: World) => void, object]>([
    [
        "history is closed",
        (made) => (made.visibility = "joined"),
        { state: "refused", reason: "visibility_not_shared" },
    ],
    ["there is no key to give", (made) => (made.shared = 0), { state: "refused", reason: "nothing_to_share" }],
    [
        "they have no signed device",
        (made) => (made.devices = []),
        { state: "refused", reason: "no_cross_signed_device" },
    ],
    ["the bot may not invite", (made) => (made.canInvite = false), { state: "held", reason: "no_power_to_invite" }],
])("nobody is told to leave while %s", async (_, change, status) => {
    const made = world("join");
    change(made);
    commandsOf(made).invite(roomId, charlie);
    await made.run();
    expect(made.status()).toMatchObject(status);
    expect(order(made)).toEqual([]);
});

test("who has no device yet is invited all the same, and sent the keys when they have one", async () => {
    const made = world("leave");
    [made.masterKey, made.devices] = [null, []];
    commandsOf(made).invite(roomId, charlie);
    await made.run();
    expect(made.status()).toMatchObject({ state: "reinvited", reason: "waits_for_device" });
});

test("only who knocks is accepted, who is banned is not invited, and who is invited is served", async () => {
    expect(commandsOf(world("leave")).invite(roomId, charlie, { onlyKnocking: true })).toMatchObject({ ok: false });
    expect(commandsOf(world("ban")).invite(roomId, charlie)).toMatchObject({
        ok: false,
        message: expect.stringContaining("banned"),
    });
    const made = new World();
    made.sync(change("invite", "$invite", alice));
    commandsOf(made).invite(roomId, charlie);
    await made.run();
    expect(made.status()).toMatchObject({ state: "reinvited", reason: "reinvited" });
});

test("a human's invite in between takes the place of the one that was asked for", async () => {
    const made = world("join");
    commandsOf(made).invite(roomId, charlie);
    await made.run();
    stands(made, "leave", "$left");
    stands(made, "invite", "$human", alice);
    await made.run();
    expect(jobStory(made.database.sql, "2")).toMatchObject({ state: "cancelled", reason: "superseded" });
    expect(made.status()).toMatchObject({ state: "reinvited", reason: "reinvited" });
});

test("who is removed, or does not knock any more, is not invited back", async () => {
    const removed = world("join");
    commandsOf(removed).invite(roomId, charlie);
    await removed.run();
    stands(removed, "leave", "$removed", alice);
    await removed.run();
    expect(removed.status()).toMatchObject({ state: "cancelled", reason: "invite_withdrawn" });

    const withdrawn = world("knock");
    withdrawn.canInvite = false;
    commandsOf(withdrawn).invite(roomId, charlie, { onlyKnocking: true });
    stands(withdrawn, "leave", "$withdrawn");
    expect(withdrawn.status()).toMatchObject({ state: "cancelled" });
    expect([...order(removed), ...order(withdrawn)]).toEqual(["sendToDevice"]);
});

test("who declined is invited once more when a person asks once more, at once", async () => {
    const made = world("leave");
    commandsOf(made).invite(roomId, charlie);
    await made.run();
    stands(made, "leave", "$declined");
    commandsOf(made).invite(roomId, charlie);
    await made.run();
    expect(made.status()).toMatchObject({ state: "reinvited", reason: "invited_by_bot" });
    expect(order(made).filter((call) => call === "putMember")).toHaveLength(2);
});

test("the bot's own invite that is told again is no reason to take it back", async () => {
    const made = world("leave");
    commandsOf(made).invite(roomId, charlie);
    commandsOf(made).cancel("1");
    commandsOf(made).invite(roomId, charlie);
    await made.run();
    const { event_id: eventId, content } = made.memberEvent;
    made.sync(change("invite", eventId, bot, { content, replacesState: "$earlier" }));
    expect(made.checks.all()[0]).toBeUndefined();
});
