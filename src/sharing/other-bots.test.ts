import { expect, test } from "vitest";
import { Notices } from "./ledger/notices.ts";
import { reconsiderRooms } from "./room-changed.ts";
import { change, invite, alice } from "./testing/room.ts";
import { World } from "./testing/world.ts";

const helper = "@helper:home";
const day = 24 * 3_600_000;
const puts = (world: World) => world.calls.filter((call) => call === "putMember").length;

/** An invite that says that it repeats another. */
function marked(world: World, eventId: string, by: string, names: string): void {
    const content = { membership: "invite", "org.backscroll.reinvite": { event_id: names } } as const;
    const replacesState = world.memberEvent.event_id;
    world.memberEvent = { ...invite(eventId, by), content };
    world.events.set(eventId, world.memberEvent);
    world.sync(change("invite", eventId, by, { content, replacesState }));
}

function served(other_bots: readonly string[] = []): World {
    const world = new World();
    world.policy = { ...world.policy, other_bots };
    world.sync(change("invite", "$invite", alice));
    return world;
}

test("a mark that somebody wrote who is no bot switches nothing off", async () => {
    const world = served();
    marked(world, "$forged", "@mallory:home", "$invite");
    await world.run();
    const [newest] = world.database.sql.prepare("SELECT state, reason FROM share_jobs ORDER BY id DESC LIMIT 1").all();
    expect(newest).toMatchObject({ state: "reinvited" });
    expect(puts(world)).toBe(1);
});

test("a known bot whose invite took the place of the one that it names is left alone", async () => {
    const world = served([helper]);
    marked(world, "$theirs", helper, "$invite");
    await world.run();
    const [newest] = world.database.sql.prepare("SELECT state, reason FROM share_jobs ORDER BY id DESC LIMIT 1").all();
    expect(newest).toMatchObject({ state: "refused", reason: "reinvited_by_another_bot" });
    expect(puts(world)).toBe(0);
});

test("a known bot that invited in the same moment, and took our place, is left alone", async () => {
    const world = served([helper]);
    await world.run();
    marked(world, "$theirs", helper, "$invite");
    await world.run();
    expect(puts(world)).toBe(1);
});

test("who was left to a bot that is taken off the list is served, as whoever an earlier version left to a forged mark", async () => {
    const world = served([helper]);
    marked(world, "$theirs", helper, "$invite");
    await world.run();
    world.policy = { ...world.policy, other_bots: [] };
    world.database.transaction(() => reconsiderRooms({ jobs: world.jobs, facts: world.parts().facts }));
    await world.run();
    expect(puts(world)).toBe(1);
});

test("a known bot's mark that names something else is nobody's word", async () => {
    const world = served([helper]);
    marked(world, "$theirs", helper, "$something-else");
    await world.run();
    expect(puts(world)).toBe(1);
});

test("a bot that is not known is followed once in a week, and the admins are told whom to name", async () => {
    const world = served();
    await world.run();
    marked(world, "$theirs", helper, world.memberEvent.event_id);
    await world.run();
    expect(puts(world)).toBe(2);
    expect(new Notices(world.database.sql).standingAfter(0)).toEqual([]);
    marked(world, "$again", helper, world.memberEvent.event_id);
    await world.run();
    expect(puts(world)).toBe(2);
    expect(new Notices(world.database.sql).standingAfter(0)).toMatchObject([
        {
            state: "delivered",
            inviter: helper,
            message: expect.stringMatching(/sharing\.other_bots.*Namely: @helper:home\./),
        },
    ]);
    world.now += 7 * day;
    await world.run();
    expect(puts(world)).toBe(3);
});

test("a human's invite is repeated whatever marked ones were", async () => {
    const world = served();
    await world.run();
    marked(world, "$theirs", helper, world.memberEvent.event_id);
    await world.run();
    world.memberEvent = invite("$human", alice);
    world.sync(change("invite", "$human", alice));
    await world.run();
    expect(puts(world)).toBe(3);
});
