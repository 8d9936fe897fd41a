import { expect, test } from "vitest";
import { HomeserverError } from "../homeserver/index.ts";
import type { MembershipChange } from "../rooms/index.ts";
import { Notices } from "./ledger/notices.ts";
import { jobStory } from "./ledger/status.ts";
import { recordOwnLeave } from "./record.ts";
import { alice, bot, change, charlie, invite, masterKey, roomId } from "./testing/room.ts";
import { lookalike } from "./testing/rules.ts";
import { commandsOf, World } from "./testing/world.ts";

// Where the bot has taken the place of the inviter and has sent nothing yet, nobody else's keys will be opened.

const minute = 60_000;
const hour = 60 * minute;
const phone = { deviceId: "PHONE", crossSigned: true, dehydrated: false };

/** Charlie has no device, and the bot has invited him. */
async function placed(more: Partial<Pick<World, "echoes">> = {}): Promise<World> {
    const world: World = Object.assign(new World(), more);
    world.masterKey = null;
    world.devices = [];
    world.sync(change("invite", "$invite", alice));
    await world.run();
    return world;
}

function logsIn(world: World): void {
    world.masterKey = masterKey;
    world.devices = [phone];
}

async function looksAfter(world: World, milliseconds: number): Promise<void> {
    world.now += milliseconds;
    await world.runWatch();
}

const notices = (world: World) => new Notices(world.database.sql).standingAfter(0);

/** A join as the homeserver tells it, with what it took the place of. */
function joinOn(world: World, inviter: string, replacesState: string): void {
    const joined = change("join", "$join", charlie, { replacesState });
    const replaced = { content: { membership: "invite" }, sender: inviter };
    world.memberEvent = { ...invite("$join", charlie), content: { membership: "join" } };
    world.sync({ ...joined, event: { ...joined.event, replaced } } satisfies MembershipChange);
}

test("a look-alike who came meanwhile holds what is sent to the new device, and an approval lets it go", async () => {
    const world = await placed();
    world.members = [lookalike];
    logsIn(world);
    await looksAfter(world, minute);
    expect(world.status()).toMatchObject({ state: "held", reason: "looks_like_member" });
    expect(commandsOf(world).approve("1")).toMatchObject({ ok: true });
    await world.run();
    expect(world.sentTo).toEqual([["PHONE"]]);
});

test("the same after the join: held, and sent when it is approved within a day", async () => {
    const world = await placed();
    world.members = [lookalike];
    logsIn(world);
    world.join();
    await world.runWatch();
    expect(world.status()).toMatchObject({ state: "held", reason: "looks_like_member" });
    expect(notices(world)).toHaveLength(1);
    await looksAfter(world, hour);
    expect(commandsOf(world).approve("1")).toMatchObject({ ok: true });
    await world.runWatch();
    expect(world.sentTo).toEqual([["PHONE"]]);
    expect(world.status()).toMatchObject({ state: "joined" });
});

test("a room that is closed at the join is told, goes on when it is opened, and does not end as if all were served", async () => {
    for (const opens of [true, false]) {
        const world = await placed();
        world.visibility = "joined";
        logsIn(world);
        world.join();
        await world.runWatch();
        expect(world.status()).toMatchObject({ state: "joined", reason: "joined_blocked" });
        expect(notices(world)).toHaveLength(1);
        if (opens) world.visibility = "shared";
        await looksAfter(world, 10 * minute);
        expect(world.sentTo).toEqual(opens ? [["PHONE"]] : []);
        expect(world.status()).toMatchObject({ state: "joined", reason: opens ? "joined" : "joined_blocked" });
        await looksAfter(world, 25 * hour);
        const end = opens
            ? { state: "done", reason: "watched_long_enough" }
            : { state: "cancelled", reason: "joined_unserved" };
        expect(world.status()).toMatchObject(end);
    }
});

test("whose echo was missed has joined on the bot's own invite all the same, by the homeserver's word", async () => {
    const world = await placed({ echoes: false });
    expect(world.status()).toMatchObject({ state: "queued", reason: "reinvite_asked" });
    logsIn(world);
    joinOn(world, bot, world.memberEvent.event_id);
    await world.runWatch();
    expect(world.status()).toMatchObject({ state: "joined" });
    expect(world.sentTo).toEqual([["PHONE"]]);
});

test("who changed their name right after the join has joined on the invite that was known", async () => {
    const world = await placed();
    logsIn(world);
    const renamed = change("join", "$renamed", charlie, { replacesState: "$join" });
    const replaced = { content: { membership: "join" }, sender: charlie };
    world.memberEvent = { ...invite("$renamed", charlie), content: { membership: "join" } };
    world.sync({ ...renamed, event: { ...renamed.event, replaced } } satisfies MembershipChange);
    await world.runWatch();
    expect(world.sentTo).toEqual([["PHONE"]]);
});

test("an invite that the bot never saw was one: its sender is named", async () => {
    const world = await placed();
    joinOn(world, "@dora:home", "$unseen");
    expect(jobStory(world.database.sql, "1")).toMatchObject({
        state: "cancelled",
        message: expect.stringContaining("@dora:home"),
    });
});

test("a bot that was away while its own invite stood goes on when it is back", async () => {
    const world = await placed();
    const own = world.memberEvent;
    world.database.transaction(() => recordOwnLeave(world, roomId));
    expect(world.status()).toMatchObject({ state: "cancelled", reason: "place_left" });
    world.sync(change("invite", own.event_id, bot, { content: own.content, replacesState: "$invite" }));
    logsIn(world);
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", reason: "already_inviter" });
    expect(world.sentTo).toEqual([["PHONE"]]);
});

test("what has failed is tried again though the bot's own invite is the one that stands", async () => {
    const world = await placed();
    logsIn(world);
    const refused = new HomeserverError("put_media", {
        kind: "forbidden",
        errcode: "M_FORBIDDEN",
        error: "no uploads",
    });
    world.now += minute;
    world.media.clear();
    world.version = "2";
    for (let hours = 0; hours <= 3; hours += 1) {
        world.fault = { call: "putMedia", error: refused };
        await world.runWatch();
        await world.run();
        world.now += hour;
    }
    expect(world.status()).toMatchObject({ state: "failed", reason: "upload_refused" });
    await looksAfter(world, hour);
    expect(world.sentTo).toEqual([["PHONE"]]);
});

test("who is left alone is told by name, wherever the job stands when it ends", async () => {
    const left = await placed();
    logsIn(left);
    left.silent.add("PHONE");
    await looksAfter(left, minute);
    expect(left.status()).toMatchObject({ state: "queued", reason: "no_session_with_devices" });
    left.database.transaction(() => recordOwnLeave(left, roomId));
    expect(left.status()).toMatchObject({ reason: "place_left" });
    expect(notices(left)).toMatchObject([{ userId: charlie }]);

    const closed = await placed();
    logsIn(closed);
    closed.silent.add("PHONE");
    await looksAfter(closed, minute);
    closed.visibility = "joined";
    closed.now += hour;
    await closed.run();
    expect(closed.status()).toMatchObject({ state: "refused", reason: "visibility_not_shared" });
    expect(notices(closed)).toMatchObject([{ userId: charlie }]);
});

test("a place that waits for its turn is watched for devices, and does not wait for ever", async () => {
    const world = new World();
    world.shadowBanned = true;
    world.masterKey = null;
    world.devices = [];
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.now += minute;
    await world.run();
    expect(world.status()).toMatchObject({ state: "queued", reason: "reinvite_ignored" });
    logsIn(world);
    await looksAfter(world, minute);
    expect(world.sentTo).toEqual([["PHONE"]]);

    const unanswered = new World();
    unanswered.shadowBanned = true;
    unanswered.masterKey = null;
    unanswered.sync(change("invite", "$invite", alice));
    for (let days = 0; days < 32; days += 1) {
        await unanswered.run();
        unanswered.now += 24 * hour;
    }
    expect(unanswered.status()).toMatchObject({ state: "expired", reason: "unanswered" });
});

test("of two bots that crossed, the one whose invite stands sends at the join", async () => {
    const world = await placed();
    const ours = world.memberEvent;
    const content = { membership: "invite", "org.backscroll.reinvite": { event_id: "$invite" } };
    world.sync(change("invite", "$theirs", "@helper:home", { content, replacesState: "$invite" }));
    world.sync(change("invite", "$again", bot, { content: { ...ours.content }, replacesState: "$theirs" }));
    world.memberEvent = { ...ours, event_id: "$again" };
    await world.run();
    logsIn(world);
    world.join();
    await world.runWatch();
    expect(world.sentTo).toEqual([["PHONE"]]);
});

test("a name that a stranger takes while the bot is down waits for a person", async () => {
    const world = Object.assign(new World(), { hasAccount: false });
    world.masterKey = null;
    world.devices = [];
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.setClock(world.now + 71 * hour);
    world.now += hour;
    world.hasAccount = true;
    logsIn(world);
    await world.runWatch();
    expect(world.status()).toMatchObject({ state: "held", reason: "account_appeared_late" });
});

test("a long hold does not count as a refusal of the homeserver's", async () => {
    const world = new World();
    world.policy = { ...world.policy, mode: "approval" };
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.now += 5 * hour;
    commandsOf(world).approve("1");
    world.fault = {
        call: "putMedia",
        error: new HomeserverError("put_media", { kind: "invalid", status: 400, errcode: "M_X", error: "?" }),
    };
    await world.run();
    expect(world.status()).toMatchObject({ state: "queued", reason: "refused_once" });
});
