import { expect, test } from "vitest";
import { HomeserverError, type HomeserverProblem } from "../homeserver/index.ts";
import type { MembershipChange } from "../rooms/index.ts";
import { ShareCommands } from "./commands.ts";
import { releaseUncovered } from "./reinvite/reinvite-record.ts";
import { Notices } from "./ledger/notices.ts";
import { jobStatuses, jobStory } from "./ledger/status.ts";
import { alice, bot, change, charlie, invite, roomId } from "./testing/room.ts";
import { World } from "./testing/world.ts";

const hour = 3_600_000;
const day = 24 * hour;
const start = Date.UTC(2026, 10, 25);

/** A bot at a time of day; `when_better` and `polite` unless the test says otherwise, and its bundle the better one. */
function world(policy: Partial<World["policy"]> = {}): World {
    const made = new World();
    made.now = start;
    made.policy = { ...made.policy, reinvite: "when_better", reinvite_pace: "polite", ...policy };
    return made;
}

/** A human's invite, at the server and in the sync. */
function invited(world: World, eventId: string, inviter = alice): void {
    world.memberEvent = invite(eventId, inviter);
    world.sync(change("invite", eventId, inviter));
}

function declined(world: World, eventId: string): void {
    const previous = {
        userId: charlie,
        membership: "invite",
        eventId: world.memberEvent.event_id,
        sender: bot,
        isDirect: false,
    } as const;
    world.memberEvent = { ...invite(eventId, charlie), content: { membership: "leave" } };
    world.sync({ ...change("leave", eventId, charlie), previous } satisfies MembershipChange);
}

const puts = (world: World): number => world.calls.filter((call) => call === "putMember").length;
const nextAttempt = (world: World): number | undefined => {
    const at = jobStatuses(world.database.sql, { limit: 1 })[0]?.next_attempt_at;
    return typeof at === "string" ? Date.parse(at) - world.now : undefined;
};
const limited = (retryAfterMs: number | undefined): { call: string; error: Error } => ({
    call: "putMember",
    error: new HomeserverError("put_member", { kind: "rate_limited", retryAfterMs }),
});

test("keys that are worse than the inviter's may be are sent, and the inviter keeps their place until they are not", async () => {
    const bot = world();
    bot.comparison = "unknown";
    invited(bot, "$invite");
    await bot.run();
    expect(bot.status()).toMatchObject({
        state: "delivered",
        reason: "coverage_unknown",
        devices: [{ state: "sent" }],
    });
    const counted = async (comparison: World["comparison"]) => {
        bot.comparison = comparison;
        bot.now += 60_000;
        bot.database.transaction(() => releaseUncovered(bot.parts()));
        await bot.run();
    };
    await counted("unknown");
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "coverage_unknown" });
    await counted("worse");
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "coverage_incomplete" });
    expect(bot.calls).not.toContain("memberEvent");
    expect(jobStatuses(bot.database.sql, { limit: 1 })[0]?.message).toMatch(/Namely: the bot's bundle is worse\.$/);

    await counted("better");
    expect(bot.status()).toMatchObject({ state: "reinvited" });
    expect(bot.calls.filter((call) => call === "sendToDevice")).toHaveLength(2);
    const story = jobStory(bot.database.sql, "1");
    expect(story?.message).toMatch(/Namely: the bot's bundle is better\.$/);
    expect(story?.story.at(-1)).toMatchObject({ reason: "reinvited", message: story?.message });
});

test("a setting that compares no keys any more lets those go on that waited for them", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    bot.comparison = "worse";
    invited(bot, "$invite");
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "coverage_incomplete" });
    bot.policy = { ...bot.policy, reinvite: "always" };
    bot.database.transaction(() => releaseUncovered(bot.parts()));
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
});

test("a direct chat is left alone until a person asks, and stays one then", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    bot.memberEvent.content.is_direct = true;
    bot.canInvite = false;
    bot.sync(change("invite", "$invite", alice, { content: { is_direct: true } }));
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "direct_chat" });
    expect(puts(bot)).toBe(0);

    bot.canInvite = true;
    const { database, jobs, pins, pauses } = bot;
    const { facts, now } = bot.parts();
    const commands = new ShareCommands({ database, jobs, pins, pauses, facts, rooms: facts.rooms, now });
    expect(commands.share(roomId, charlie)).toMatchObject({ ok: true });
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
    expect(bot.memberEvent.content).toMatchObject({ is_direct: true });
});

test("who declined is served when a human invites them anew: it is not the bot that presses", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    invited(bot, "$first");
    await bot.run();
    declined(bot, "$declined");
    invited(bot, "$second", "@dora:home");
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
    expect(puts(bot)).toBe(2);
});

test("an invite that a human withdraws is nobody's decline", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    invited(bot, "$first");
    bot.sync(change("leave", "$withdrawn", alice));
    invited(bot, "$second");
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
});

test("invites that come after the bot's are repeated, three times in a week, and the fourth when the week is over", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    for (const eventId of ["$1", "$2", "$3"]) {
        invited(bot, eventId, "@peer:home");
        await bot.run();
        expect(bot.status()).toMatchObject({ state: "reinvited" });
        bot.now += day;
    }
    invited(bot, "$4", "@peer:home");
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvited_often" });
    expect(nextAttempt(bot)).toBe(4 * day);
    expect(puts(bot)).toBe(3);
    bot.now += 4 * day;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
});

test("a re-invite whose answer was lost counts once, and is not made again", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    bot.echoes = false;
    const lost: HomeserverProblem = { kind: "unreachable", reason: "connection", detail: "reset" };
    for (const eventId of ["$1", "$2", "$3"]) {
        invited(bot, eventId);
        bot.fault = { call: "putMember", after: true, error: new HomeserverError("put_member", lost) };
        await bot.run();
        expect(bot.status()).toMatchObject({ state: "delivered", reason: "homeserver_unavailable" });
        bot.now += 3_600_000;
        await bot.run();
        expect(bot.status()).toMatchObject({ state: "reinvited", reason: "already_inviter" });
    }
    expect(puts(bot)).toBe(3);
    invited(bot, "$4");
    await bot.run();
    expect(bot.status()).toMatchObject({ reason: "reinvited_often" });
});

test("in the polite pace an invite waits a moment for the human's next one, through a restart, and goes then", async () => {
    const bot = world();
    invited(bot, "$invite");
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvite_paced", devices: [{ state: "sent" }] });
    expect(bot.calls).not.toContain("memberEvent");
    expect(nextAttempt(bot)).toBe(500);
    bot.now += 500;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
});

test("a turn that was not used is given back", async () => {
    const bot = world();
    invited(bot, "$invite");
    await bot.run();
    bot.now += 500;
    bot.meanwhile.set("memberEvent", () => bot.pauses.pause(undefined, bot.now));
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "held", reason: "paused" });
    expect(bot.database.sql.prepare("SELECT count(*) AS ours FROM invites_counted WHERE by_bot = 1").get()).toEqual({
        ours: 0,
    });
    expect(bot.database.sql.prepare("SELECT count(*) AS made FROM reinvites").get()).toEqual({ made: 0 });
});

test("a homeserver that has no room is given more time at every refusal, and the re-invite is made all the same", async () => {
    const bot = world();
    invited(bot, "$invite");
    bot.now += 500;
    bot.fault = limited(3_000);
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvite_limited" });
    expect(nextAttempt(bot)).toBe(6_500);
    // Others' refused attempts have filled the room's bucket: more patience is due than the homeserver asked for.
    bot.now += 6_500;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvite_paced" });
    bot.now += nextAttempt(bot) ?? 0;
    bot.fault = limited(3_000);
    await bot.run();
    expect(nextAttempt(bot)).toBe(13_000);
    bot.now += 13_000;
    await bot.run();
    bot.now += nextAttempt(bot) ?? 0;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
});

test("a bot whose limits were lifted waits for nobody, and keeps to the homeserver's word all the same", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    invited(bot, "$invite");
    bot.fault = limited(320_000);
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvite_limited" });
    expect(nextAttempt(bot)).toBe(320_250);
    bot.now += 320_250;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
});

test("a clock that was set back by years neither forbids longer than a week nor repeats", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    for (const eventId of ["$1", "$2", "$3"]) {
        invited(bot, eventId);
        await bot.run();
    }
    declined(bot, "$declined");
    bot.now -= 3 * 365 * day;
    bot.policy = { ...bot.policy, reinvite_pace: "polite" };
    invited(bot, "$4");
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvited_often" });
    bot.now += 7 * day;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
});

test.each([
    ["when both are told in one go", false],
    ["when the other's is told first", true],
])(
    "of two bots that know each other and invite in the same moment the one whose invite stands goes on, %s",
    async (_, separately) => {
        const one = world({ reinvite_pace: "unlimited", other_bots: ["@another:home"] });
        invited(one, "$invite");
        await one.run();
        const ours = one.memberEvent;
        const content = { membership: "invite", "org.backscroll.reinvite": { event_id: "$invite" } } as const;
        const theirs = { ...invite("$theirs", "@another:home"), content };
        one.events.set("$theirs", theirs);
        const told = [
            change("invite", "$theirs", "@another:home", { content, replacesState: "$invite" }),
            change("invite", ours.event_id, bot, { content: ours.content, replacesState: "$theirs" }),
        ];
        if (separately) {
            one.memberEvent = theirs;
            one.sync(...told.splice(0, 1));
            await one.run();
        }
        expect(one.status().reason).toBe(separately ? "reinvited_by_another_bot" : "reinvited");
        one.memberEvent = ours;
        one.sync(...told);
        one.now += 60_000;
        await one.run();
        expect(one.status()).toMatchObject({ state: "reinvited", reason: "already_inviter" });
        expect(puts(one)).toBe(1);
    },
);

test.each<HomeserverProblem>([
    { kind: "invalid", status: 400, errcode: "M_BAD_JSON", error: "no" },
    { kind: "too_large", errcode: "M_TOO_LARGE", error: "no" },
])(
    "an invite that the homeserver refuses for good ($kind) has failed after three hours of that, and is tried again all the same",
    async (problem) => {
        const bot = world({ reinvite_pace: "unlimited" });
        invited(bot, "$invite");
        for (let hours = 0; hours <= 3; hours++) {
            bot.fault = { call: "putMember", error: new HomeserverError("put_member", problem) };
            await bot.run();
            bot.now += 3_600_000;
            expect(bot.status()).toMatchObject(
                hours < 3
                    ? { state: "delivered", reason: "refused_once" }
                    : { state: "failed", reason: "refused_by_homeserver" },
            );
        }
        await bot.runWatch();
        expect(bot.status()).toMatchObject({ state: "reinvited" });
    },
);

test("a homeserver whose admins alone may invite: the admins are told once, and the bot tries again ever more rarely", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    invited(bot, "$invite");
    const problem = {
        kind: "forbidden",
        errcode: "M_FORBIDDEN",
        error: "Invites have been disabled on this server",
    } as const;
    const waits: (number | undefined)[] = [];
    for (let time = 1; time <= 5; time++) {
        bot.fault = { call: "putMember", error: new HomeserverError("put_member", problem) };
        await bot.run();
        waits.push(nextAttempt(bot));
        bot.now += nextAttempt(bot) ?? 0;
    }
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvite_forbidden" });
    expect(waits.slice(2)).toEqual([hour, 2 * hour, 4 * hour]);
    expect(new Notices(bot.database.sql).standingAfter(0)).toMatchObject([
        { message: expect.stringContaining("M_FORBIDDEN") },
    ]);
    expect(bot.database.sql.prepare("SELECT count(*) AS n FROM share_notices").get()).toEqual({ n: 1 });
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited", reason: "reinvited" });
});

test("the homeserver's yes is no proof: what it takes and does not do is told, and tried again after hours", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    invited(bot, "$invite");
    bot.shadowBanned = true;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvite_asked" });
    bot.now += 5_000;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvite_ignored" });
    expect([puts(bot), nextAttempt(bot)]).toEqual([1, hour]);
    expect(new Notices(bot.database.sql).standingAfter(0)).toHaveLength(1);
    bot.shadowBanned = false;
    bot.now += hour;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
    expect(puts(bot)).toBe(2);
});

test("an invite that no sync has shown is read back", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    bot.echoes = false;
    invited(bot, "$invite");
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "delivered", reason: "reinvite_asked" });
    bot.now += 5_000;
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited", reason: "already_inviter" });
    expect(puts(bot)).toBe(1);
});

test("who was given keys before is no newcomer to a crowded room when they are served again", async () => {
    const bot = world({ reinvite_pace: "unlimited" });
    bot.mostInvitees = 1;
    bot.comparison = "worse";
    invited(bot, "$invite");
    await bot.run();
    const { audit } = bot.parts().facts;
    bot.database.sql
        .exec(`INSERT INTO share_audit (sending_id, at, job_id, room_id, user_id, inviter, identity, device_ids, sessions, mxc, mode, visibility, origin, approved)
        SELECT 'another', at, 99, room_id, '@dora:home', inviter, identity, device_ids, sessions, mxc, mode, visibility, origin, approved FROM share_audit`);
    expect(audit.others({ id: 1, roomId, userId: charlie }, 0, bot.now)).toBe(1);
    bot.comparison = "better";
    bot.database.transaction(() => releaseUncovered(bot.parts()));
    await bot.run();
    expect(bot.status()).toMatchObject({ state: "reinvited" });
});
