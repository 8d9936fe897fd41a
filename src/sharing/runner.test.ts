import { expect, test, vi } from "vitest";
import { Sealings } from "./delivery/sealings.ts";
import { Failure } from "../failures/index.ts";
import { HomeserverError, type HomeserverProblem } from "../homeserver/index.ts";
import { ShareCommands } from "./commands.ts";
import { recordOwnLeave, releaseEmptyHanded } from "./record.ts";
import { jobStatuses } from "./ledger/status.ts";
import { alice, bot, change, charlie, invite, roomId } from "./testing/room.ts";
import { World } from "./testing/world.ts";
import { ShareRunner } from "./runner.ts";

const hour = 3_600_000;

test("an invite becomes a delivery, then a re-invite, and waits for the join", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({
        state: "reinvited",
        reason: "reinvited",
        devices: [{ device_id: "PHONE", state: "sent" }],
    });
    const without = (...others: string[]) => world.calls.filter((call) => !others.includes(call));
    const sending = ["sealBundle", "sendToDevice", "memberEvent", "putMember"];
    expect(without("deliverySent", "refresh", "openSessions")).toEqual([
        "shareableSet",
        "buildBundle",
        "createMedia",
        "putMedia",
        ...sending,
    ]);
    expect(without("deliverySent", "shareableSet", "buildBundle", "createMedia", "putMedia")).toEqual([
        "refresh",
        "openSessions",
        ...sending,
    ]);
    expect(world.calls.indexOf("deliverySent")).toBeGreaterThan(world.calls.indexOf("sendToDevice"));
    world.sync(change("join", "$join", charlie));
    expect(world.status()).toMatchObject({ state: "joined", reason: "joined" });
});

test("the re-invite keeps what the human's invite said, names them, and is never taken for another bot's", async () => {
    const world = new World();
    Object.assign(world.memberEvent.content, { "org.example.of_theirs": true, third_party_invite: { signed: {} } });
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.memberEvent.content).toEqual({
        membership: "invite",
        "org.example.of_theirs": true,
        reason: expect.stringContaining(alice) as unknown,
        "org.backscroll.reinvite": { event_id: "$invite" },
    });
    world.sync(change("invite", "$bot", bot, { replacesState: "$invite", content: world.memberEvent.content }));
    expect(jobStatuses(world.database.sql, { limit: 10 })).toHaveLength(1);
});

test.each([
    "refresh",
    "buildBundle",
    "createMedia",
    "putMedia",
    "sealBundle",
    "sendToDevice",
    "deliverySent",
    "memberEvent",
    "putMember",
])("a process that died before or after %s is picked up, with one upload kept and one re-invite", async (call) => {
    for (const after of [false, true]) {
        const world = new World();
        world.sync(change("invite", "$invite", alice));
        world.fault = {
            call,
            after,
            error: new HomeserverError(call, { kind: "unreachable", reason: "connection", detail: "killed" }),
        };
        await world.run();
        world.now += 3_600_000;
        await world.run();
        expect(world.status()).toMatchObject({ state: "reinvited", devices: [{ device_id: "PHONE", state: "sent" }] });
        expect(world.calls.filter((name) => name === "putMember")).toHaveLength(1);
        const placesAtMost = call === "createMedia" ? 2 : 1;
        expect(world.calls.filter((name) => name === "createMedia").length).toBeLessThanOrEqual(placesAtMost);
    }
});

test("an invite that is withdrawn while the keys are on their way is not repeated", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.memberEvent = { ...invite("$gone", alice), content: { membership: "leave" } };
    await world.run();
    expect(world.status()).toMatchObject({ state: "refused", reason: "not_invited" });
    expect(world.calls).not.toContain("putMember");
});

test.each([
    ["and is taken back", true, "reinvite_taken_back", 2],
    ["and a human is told where the bot may not", false, "reinvite_left_standing", 1],
])(
    "an invite that ended at the very moment of the re-invite is noticed by the echo %s",
    async (_, canKick, reason, puts) => {
        const world = new World();
        world.canKick = canKick;
        world.sync(change("invite", "$invite", alice));
        await world.run();
        world.events.set("$withdrawn", { ...invite("$withdrawn", alice), content: { membership: "leave" } });
        world.sync(
            change("leave", "$withdrawn", alice, { replacesState: "$invite" }),
            change("invite", world.memberEvent.event_id, bot, {
                replacesState: "$withdrawn",
                content: world.memberEvent.content,
            }),
        );
        await world.run();
        expect(world.status()).toMatchObject({ state: "cancelled", reason });
        expect(world.calls.filter((call) => call === "putMember")).toHaveLength(puts);
    },
);

test("a person's command does not pass over a known bot's marked invite either", () => {
    const world = new World();
    world.policy = { ...world.policy, other_bots: ["@otherbot:home"] };
    world.memberEvent = invite("$theirs", "@otherbot:home");
    const content = { "org.backscroll.reinvite": { event_id: "$invite" } };
    world.sync(change("invite", "$theirs", "@otherbot:home", { replacesState: "$invite", content }));
    const parts = world.parts();
    const commands = new ShareCommands({ ...parts, pauses: world.pauses, rooms: parts.facts.rooms });
    expect(commands.share(roomId, charlie)).toMatchObject({ ok: false });
    expect(world.status()).toMatchObject({ state: "refused", reason: "reinvited_by_another_bot" });
});

test("another human's invite in the moment of the re-invite is no ending", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.events.set("$second", invite("$second", "@dora:home"));
    world.sync(
        change("invite", world.memberEvent.event_id, bot, {
            replacesState: "$second",
            content: world.memberEvent.content,
        }),
    );
    await world.run();
    expect(world.calls.filter((call) => call === "putMember")).toHaveLength(1);
});

test("an empty bundle is neither uploaded nor followed by a re-invite", async () => {
    const world = new World();
    world.shared = 0;
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "refused", reason: "nothing_to_share" });
    expect(world.calls).not.toContain("createMedia");
    expect(world.calls).not.toContain("putMember");
});

test("a master key that is not the first seen is held, and nothing is sent", async () => {
    const world = new World();
    world.pins.pinFirst(charlie, "B".repeat(43), world.now);
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "identity_changed" });
    for (const call of ["openSessions", "sealBundle", "sendToDevice", "putMember"])
        expect(world.calls).not.toContain(call);
});

test("a paused room asks nobody for keys", async () => {
    const world = new World();
    world.pauses.pause(undefined, world.now);
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "paused" });
    expect(world.calls).toEqual([]);
});

test("a newer invite of the same user takes the older one's place", () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice), change("invite", "$second", "@dora:home"));
    expect(jobStatuses(world.database.sql, { limit: 10 }).map(({ state, reason }) => `${state} ${reason}`)).toEqual([
        "queued invited",
        "cancelled superseded",
    ]);
});

test("what the homeserver refuses for hours has failed, with its reason, and goes on by itself when it is taken", async () => {
    const world = new World();
    const error = new HomeserverError("put_media", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "no uploads" });
    world.sync(change("invite", "$invite", alice));
    for (let hours = 0; hours < 3; hours += 1) {
        world.fault = { call: "putMedia", error };
        await world.run();
        expect(world.status()).toMatchObject({ state: "queued", reason: "refused_once" });
        world.now += hour;
    }
    world.fault = { call: "putMedia", error };
    await world.run();
    expect(world.status()).toMatchObject({ state: "failed", reason: "upload_refused" });
    // Tried again: after an hour, after two more, after four more.
    for (const waits of [1, 2]) {
        world.now += waits * hour;
        world.fault = { call: "putMedia", error };
        await world.runWatch();
        expect(world.status()).toMatchObject({ state: "failed", reason: "upload_refused" });
    }
    expect(world.database.sql.prepare("SELECT count(*) AS n FROM share_notices").get()).toEqual({ n: 1 });
    world.now += 4 * hour;
    await world.runWatch();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("a device to which the homeserver refuses the message is an error, until it takes it", async () => {
    const world = new World();
    const error = new HomeserverError("send_to_device", {
        kind: "invalid",
        status: 400,
        errcode: "M_BAD_JSON",
        error: "no such device",
    });
    world.fault = { call: "sendToDevice", error };
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({
        state: "queued",
        reason: "refused_once",
        devices: [{ device_id: "PHONE", state: "error" }],
    });
    world.now += 60_000;
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited", devices: [{ device_id: "PHONE", state: "sent" }] });
});

test("a device that cannot be encrypted to is an error, and is tried again; the one beside it is served", async () => {
    const world = new World();
    world.broken.add("PHONE");
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({
        state: "queued",
        reason: "not_encrypted",
        devices: [{ device_id: "PHONE", state: "error" }],
    });

    world.devices = [...world.devices, { deviceId: "LAPTOP", crossSigned: true, dehydrated: false }];
    world.now += 60_000;
    await world.run();
    const states = () =>
        Object.fromEntries((world.status().devices ?? []).map((device) => [device.device_id, device.state]));
    expect(states()).toEqual({ PHONE: "error", LAPTOP: "sent" });
    world.broken.clear();
    world.now += 60_000;
    await world.runWatch();
    expect(states()).toEqual({ PHONE: "sent", LAPTOP: "sent" });
});

test.each([1, 2, 3, 4, 5])(
    "a job that falls due while due jobs are looked for, at clock reading %i, is not slept through",
    async (reading) => {
        const world = new World();
        world.fault = {
            call: "createMedia",
            error: new HomeserverError("create_media", { kind: "rate_limited", retryAfterMs: undefined }),
        };
        world.sync(change("invite", "$invite", alice));
        await world.run();
        const due = world.jobs.nextDueAt(world.clock.now()) ?? Number.NaN;
        let time = due - reading;
        Object.defineProperty(world.clock, "now", { value: () => (time += 1) });
        await world.runUntil(() => expect(world.status()).toMatchObject({ state: "reinvited" }));
    },
);

test("keys that come while the invite stands wake a job that had nothing to share; a withdrawn invite stays at rest", async () => {
    const world = new World();
    world.shared = 0;
    world.sync(change("invite", "$invite", alice));
    await world.run();
    world.shared = 1;
    const member = { userId: charlie, eventId: "$invite", sender: alice, isDirect: false };
    const keysCome = (membership: "invite" | "leave", roomIds: readonly string[]) =>
        world.database.transaction(() =>
            releaseEmptyHanded(
                { jobs: world.jobs, facts: { botUserId: bot, rooms: { member: () => ({ ...member, membership }) } } },
                roomIds,
            ),
        );

    keysCome("leave", [roomId]);
    keysCome("invite", ["!other:home"]);
    expect(world.status()).toMatchObject({ state: "refused", reason: "nothing_to_share" });
    keysCome("invite", [roomId]);
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("keys that come after the look for them, while the invitee's homeserver is still asked, are delivered", async () => {
    const world = new World();
    world.shared = 0;
    world.sync(change("invite", "$invite", alice));
    const runner = new ShareRunner(world.parts());
    world.meanwhile.set("openSessions", () => {
        world.meanwhile.clear();
        expect(world.calls).toContain("shareableSet");
        world.shared = 1;
        runner.keysCame([roomId]);
        world.database.transaction(() => releaseEmptyHanded(world.parts(), [roomId]));
    });
    world.slowHomeservers = true;
    runner.wake();
    await vi.waitFor(() => expect(world.status()).toMatchObject({ state: "reinvited" }));
    await runner.stop();
    expect(world.story()).toContain("keys_arrived");
});

test("a ledger that cannot be written, as on a full disk, rests the runner and loses nothing", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    const transaction = world.database.transaction.bind(world.database);
    let full = true;
    Object.assign(world.database, {
        transaction: (work: () => unknown) => {
            if (full) throw new Error("database or disk is full");
            return transaction(work as never);
        },
    });
    await world.runUntil(() => {
        expect(world.faults).toHaveLength(1);
    });
    full = false;
    world.now += 60_000;
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("an invite that stood while the bot was away is taken up again when it is back; one told twice is one job", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.sync(change("invite", "$invite", alice));
    expect(world.status()).toMatchObject({ state: "queued" });
    world.database.transaction(() => {
        recordOwnLeave({ jobs: world.jobs }, roomId);
    });
    expect(world.status()).toMatchObject({ state: "cancelled", reason: "bot_left" });
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
    expect(jobStatuses(world.database.sql, { limit: 10 })).toHaveLength(1);
});

test("a runner that has had nothing to check still takes back a re-invite later", async () => {
    const world = new World();
    const runner = world.runner();
    runner.wake();
    world.sync(change("invite", "$invite", alice));
    runner.wake();
    await vi.waitFor(() => expect(world.status()).toMatchObject({ state: "reinvited" }));
    world.events.set("$withdrawn", { ...invite("$withdrawn", alice), content: { membership: "leave" } });
    world.sync(
        change("leave", "$withdrawn", alice, { replacesState: "$invite" }),
        change("invite", world.memberEvent.event_id, bot, {
            replacesState: "$withdrawn",
            content: world.memberEvent.content,
        }),
    );
    runner.wake();
    await vi.waitFor(() => expect(world.status()).toMatchObject({ reason: "reinvite_taken_back" }));
    await runner.stop();
});

const forbidden: HomeserverProblem = { kind: "forbidden", errcode: "M_FORBIDDEN", error: "no" };
const notFound: HomeserverProblem = { kind: "not_found", errcode: "M_NOT_FOUND", error: "no" };

test.each(
    ["event", "memberEvent", "putMember"].flatMap((call) =>
        [forbidden, notFound].map((problem) => ({ call, problem })),
    ),
)(
    "a re-invite that the homeserver will not let us check ($problem.kind at $call) is told, and neither asked for ever nor taken back",
    async ({ call, problem }) => {
        const world = new World();
        world.sync(change("invite", "$invite", alice));
        await world.run();
        world.events.set("$withdrawn", { ...invite("$withdrawn", alice), content: { membership: "leave" } });
        world.fault = { call, error: new HomeserverError(call, problem) };
        world.sync(
            change("leave", "$withdrawn", alice, { replacesState: "$invite" }),
            change("invite", world.memberEvent.event_id, bot, {
                replacesState: "$withdrawn",
                content: world.memberEvent.content,
            }),
        );
        await world.run();
        expect(world.status()).toMatchObject({ state: "cancelled", reason: "reinvite_left_standing" });
        expect(world.memberEvent.content.membership).toBe("invite");
    },
);

test("a re-invite of which nobody says what it replaced is left alone", () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.sync(change("invite", "$bot", bot, { content: { "org.backscroll.reinvite": { event_id: "$invite" } } }));
    expect(world.checks.all()[0]).toBeUndefined();
});

const steps = [
    "refresh",
    "openSessions",
    "buildBundle",
    "createMedia",
    "putMedia",
    "sealBundle",
    "sendToDevice",
    "deliverySent",
    "memberEvent",
    "putMember",
];

test.each(steps)("a stop that aborts %s leaves the job where it stood", async (call) => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.fault = { call, error: new DOMException("the bot stops", "AbortError") };
    await world.runUntil(() => expect(world.fault).toBeUndefined());
    expect(world.due()).toHaveLength(1);
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test.each(steps)("a full disk or a dead worker at %s ends no delivery", async (call) => {
    for (const error of [new Failure("disk_full", { path: "/data" }), new Failure("worker_died", { detail: "gone" })]) {
        const world = new World();
        world.sync(change("invite", "$invite", alice));
        world.fault = { call, error };
        await world.run();
        expect(world.status()).toMatchObject({ reason: "bot_interrupted" });
        world.now += 3_600_000;
        await world.run();
        expect(world.status()).toMatchObject({ state: "reinvited" });
    }
});

test("what the worker dies of while it encrypts is tried again later by two starts, and then a person decides", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    for (const pause of [5_000, 300_000, 0]) {
        world.fault = { call: "sealBundle", error: new Failure("worker_died", { detail: "gone" }) };
        world.now += 3_600_000;
        await world.run();
        expect(world.fault).toBeUndefined();
        world.database.transaction(() => new Sealings(world.database.sql).start(world.now));
        // Not at once, whatever brings the job back.
        world.fault = { call: "sealBundle", error: new Error("encrypted for") };
        world.now += Math.max(0, pause - 1);
        await world.run();
        expect(world.faults).toEqual([]);
    }
    world.now += 3_600_000;
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "ended_the_bot" });
    world.fault = undefined;
    const job = world.jobs.held("ended_the_bot")[0];
    expect(job && world.database.transaction(() => world.jobs.approve(job))).toBe(true);
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test.each(["refresh", "openSessions", "sealBundle"])(
    "a job whose invite another one replaced during %s sends nothing more",
    async (call) => {
        const world = new World();
        world.sync(change("invite", "$invite", alice));
        world.meanwhile.set(call, () => {
            world.meanwhile.clear();
            world.memberEvent = invite("$second", "@mallory:elsewhere");
            world.sync(change("leave", "$gone", alice), change("invite", "$second", "@mallory:elsewhere"));
        });
        await world.run();
        expect(world.status()).toMatchObject({ state: "held", reason: "inviter_server_not_trusted" });
        expect(world.calls).not.toContain("sendToDevice");
    },
);

test("a pause that comes while the member event is read keeps the bot from inviting", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.meanwhile.set("memberEvent", () => world.pauses.pause(undefined, world.now));
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "paused" });
    expect(world.calls).not.toContain("putMember");
});

test("each attempt to send looks at pauses and invites first: the request is never repeated inside", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    await world.run();
    expect(world.sendOptions?.attempts).toBe(1);
});

test("an upload that is under way when the claim fails is kept: no second one starts beside it", async () => {
    const world = new World();
    const claim = new HomeserverError("keys_claim", { kind: "malformed", detail: "no" });
    world.sync(change("invite", "$invite", alice));
    world.fault = { call: "openSessions", error: claim };
    await world.run();
    expect(world.calls).toContain("putMedia");
    world.now += 3_600_000;
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
    expect(world.calls.filter((call) => call === "putMedia")).toHaveLength(1);
});

test("an identity that a person accepted meanwhile is not sent to under the old pin", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.meanwhile.set("sealBundle", () => world.pins.replace(charlie, "B".repeat(43), world.now));
    await world.run();
    expect(world.calls).not.toContain("sendToDevice");
});

test("a homeserver that forbids a look at the member event is asked again: the sync tells whether the bot is out", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.fault = {
        call: "memberEvent",
        error: new HomeserverError("member_event", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "no" }),
    };
    await world.run();
    expect(world.status()).toMatchObject({ state: "delivered", reason: "homeserver_unavailable" });
});

test("a delivery that rested for long is made with the keys of now, and under a transaction of its own", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.meanwhile.set("memberEvent", () => world.pauses.pause(undefined, world.now));
    await world.run();
    expect(world.status()).toMatchObject({ state: "held", reason: "paused" });
    world.meanwhile.clear();
    world.now += 2 * 24 * 3_600_000;
    world.database.transaction(() => {
        world.pauses.resume(undefined);
        for (const job of world.jobs.held("paused")) world.jobs.release(job, "resumed");
    });
    world.sealed = { ciphertext: "of the second file" };
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
    expect(world.calls.filter((call) => call === "putMedia")).toHaveLength(2);
    expect(new Set(world.txnIds).size).toBe(2);
});

test("a homeserver that is back after a long outage is asked at once, but never before it wants to be", async () => {
    const world = new World();
    const away = new HomeserverError("keys_query", { kind: "unreachable", reason: "connection", detail: "refused" });
    const busy = new HomeserverError("keys_query", { kind: "rate_limited", retryAfterMs: 600_000 });
    world.sync(change("invite", "$invite", alice));
    for (let failure = 0; failure < 10; failure += 1) {
        world.now += 900_000;
        world.fault = { call: "refresh", error: failure === 9 ? busy : away };
        await world.runUntil(() => expect(world.fault).toBeUndefined());
    }
    const isBack = (): void => world.database.transaction(() => world.jobs.homeserverIsBack());
    isBack();
    expect(world.jobs.get(1)?.nextAttemptAt).toBe(world.now + 600_000);

    world.now += 900_000;
    world.fault = { call: "refresh", error: away };
    await world.runUntil(() => expect(world.fault).toBeUndefined());
    expect(world.due()).toEqual([]);
    isBack();
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test("a job that waits for something else does not go on because the homeserver is back", async () => {
    const world = new World();
    world.reachable = false;
    world.sync(change("invite", "$invite", alice));
    await world.runUntil(() => expect(world.status()).toMatchObject({ reason: "invitee_server_unreachable" }));
    world.database.transaction(() => world.jobs.homeserverIsBack());
    expect(world.due()).toEqual([]);
});

test("while the bot's device is not signed by its own identity, nothing is asked or sent; then the job goes on at once", async () => {
    const world = new World();
    world.crossSigned = false;
    world.sync(change("invite", "$invite", alice));
    await world.runUntil(() =>
        expect(world.status()).toMatchObject({ state: "queued", reason: "bot_not_cross_signed" }),
    );
    expect(world.calls).toEqual([]);
    for (let failure = 0; failure < 10; failure += 1) {
        world.now += 900_000;
        await world.run();
    }
    expect(world.status()).toMatchObject({ state: "queued", reason: "bot_not_cross_signed" });
    expect([world.calls, world.due()]).toEqual([[], []]);
    world.crossSigned = true;
    world.database.transaction(() => world.jobs.botIsCrossSigned());
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
});

test.each(["openSessions", "sealBundle"])(
    "an identity that is lost while %s is under way keeps the copies from going out",
    async (call) => {
        const world = new World();
        world.sync(change("invite", "$invite", alice));
        world.meanwhile.set(call, () => (world.crossSigned = false));
        await world.runUntil(() =>
            expect(world.status()).toMatchObject({ state: "queued", reason: "bot_not_cross_signed" }),
        );
        expect(world.calls).not.toContain("sendToDevice");
        world.meanwhile.clear();
        world.crossSigned = true;
        world.database.transaction(() => world.jobs.botIsCrossSigned());
        await world.run();
        expect(world.status()).toMatchObject({ state: "reinvited" });
    },
);

test("the bot's own invite waits for its identity, too", async () => {
    const world = new World();
    world.sync(change("invite", "$invite", alice));
    world.meanwhile.set("memberEvent", () => (world.crossSigned = false));
    await world.runUntil(() =>
        expect(world.status()).toMatchObject({ state: "delivered", reason: "bot_not_cross_signed" }),
    );
    expect(world.calls).not.toContain("putMember");
    world.meanwhile.clear();
    world.crossSigned = true;
    world.database.transaction(() => world.jobs.botIsCrossSigned());
    await world.run();
    expect(world.status()).toMatchObject({ state: "reinvited" });
    expect(world.calls.filter((name) => name === "sendToDevice")).toHaveLength(1);
});
