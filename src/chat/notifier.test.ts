import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import type { Member, Room } from "../rooms/index.ts";
import { AdminRooms } from "./admin-rooms.ts";
import { chatSchema } from "./greetings.ts";
import { Notifier, type StandingNotice } from "./notifier.ts";
import type { NoticeFacts } from "../texts/index.ts";

const bot = "@bot:home";
const admin = "@admin:home";
const roomId = "!direct:home";
const day = 24 * 3_600_000;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };

let database: Database;
let now: number;
let notices: StandingNotice[];
/** The rooms that the homeserver has, with their creation's content; the bot's sync has seen those in `seen`. */
let made: Map<string, Readonly<Record<string, unknown>>>;
let seen: Set<string>;
let members: Map<string, Member["membership"]>;
let calls: string[];
let said: { readonly txnId: string; readonly to: readonly string[]; readonly body: string }[];
/** Thrown by the call with this name, before or after the homeserver has done it. */
let fault: { readonly call: string; readonly after: boolean } | undefined;
let direct: Record<string, unknown> | undefined;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [chatSchema] });
    [now, notices, calls, said, fault, direct] = [10 * day, [notice(1)], [], [], undefined, undefined];
    [made, seen, members] = [new Map(), new Set(), new Map()];
});

const notice = (id: number): Extract<NoticeFacts, { about: "job" }> & { readonly id: number } => ({
    about: "job",
    id,
    jobId: id + 16,
    roomId: "!room:home",
    userId: "@charlie:home",
    inviter: "@alice:home",
    state: "held",
    message: "This room shares only with approval.",
});

const room = (
    id: number,
    trouble: Extract<NoticeFacts, { about: "room" }>["trouble"],
    present = true,
): StandingNotice => ({
    about: "room",
    id,
    roomId: "!room:home",
    trouble,
    present,
});

async function step<T>(call: string, effect: () => T): Promise<T> {
    await Promise.resolve();
    calls.push(call);
    const failing = fault?.call === call ? fault : undefined;
    if (failing?.after === false) throw new Error("away");
    const result = effect();
    if (failing !== undefined) throw new Error("away");
    return result;
}

/** A notifier that was just started takes one step, and the sync brings what came of it. */
async function wake(): Promise<void> {
    const notifier = newNotifier();
    notifier.wake();
    await notifier.stop();
    for (const room of made.keys()) seen.add(room);
}

function newNotifier(admins = [admin]): Notifier {
    const room = (id: string): Room | undefined =>
        seen.has(id)
            ? {
                  roomId: id,
                  membership: "join",
                  encryption: "encrypted",
                  visibility: "joined",
                  joinedAt: 0,
                  openSince: 0,
                  successor: undefined,
              }
            : undefined;
    const member = (_: string, userId: string): Member | undefined => {
        const membership = members.get(userId);
        return membership === undefined
            ? undefined
            : { userId, membership, eventId: "$m", sender: bot, isDirect: true };
    };
    return new Notifier({
        botUserId: bot,
        admins,
        adminRooms: new AdminRooms(database),
        newest: () => Math.max(0, ...notices.map(({ id }) => id)),
        standingAfter: (id) => notices.filter((given) => given.id > id),
        rooms: {
            room,
            joined: () => [...seen].flatMap((id) => room(id) ?? []),
            member,
            membersWith: (id, wanted) =>
                [...members.keys(), bot, "@stranger:home"].flatMap((user) => {
                    const one =
                        user === bot || user === "@stranger:home"
                            ? { userId: user, membership: "join" as const, eventId: "$m", sender: bot, isDirect: false }
                            : member(id, user);
                    return one?.membership === wanted ? [one] : [];
                }),
            createdBy: (id) => made.get(id),
        },
        homeserver: {
            createRoom: (content) =>
                step("createRoom", () => {
                    const id = made.size === 0 ? roomId : `!direct${made.size}:home`;
                    made.set(id, (content as { creation_content: Record<string, unknown> }).creation_content);
                    return id;
                }),
            putMember: (_, userId) =>
                step("invite", () => {
                    members.set(userId, "invite");
                    return "$invite";
                }),
            accountData: () => step("readDirect", () => direct),
            putAccountData: (_, __, content) =>
                step("writeDirect", () => {
                    direct = content as Record<string, unknown>;
                }),
        },
        sendEncrypted: (to, _, txnId, message) =>
            step("send", () => {
                said.push({ txnId, to: to()?.members ?? [], body: (message as { body: string }).body });
            }),
        now: () => now,
        monotonic: () => now,
        random: () => 0,
        log: silent,
    });
}

/** More rounds than any story has steps. */
async function settle(): Promise<void> {
    for (let round = 0; round < 8; round++) await wake();
}

test("an admin is asked into a direct room of their own, and told there once they have come", async () => {
    direct = { "@other:home": ["!x:home"], [admin]: ["!old:home"] };
    await settle();
    expect(calls).toEqual(["createRoom", "readDirect", "writeDirect", "invite"]);
    expect(direct).toEqual({ "@other:home": ["!x:home"], [admin]: [roomId, "!old:home"] });
    members.set(admin, "join");
    await settle();
    expect(said.map(({ txnId, to }) => [txnId, to])).toEqual([["backscroll-notice-1", [admin, bot]]]);
    expect(said[0]?.body).toMatch(
        /^Job 17 waits for a person: @charlie:home was invited to !room:home by @alice:home\. .* --job 17`\.$/,
    );
});

test("nobody is disturbed while there is nothing to say, and nobody at all where there are no admins", async () => {
    const admins = newNotifier([]);
    admins.wake();
    await admins.stop();
    notices = [];
    await settle();
    expect(calls).toEqual([]);
});

test("what came while the admin had not come yet is told in one message", async () => {
    await settle();
    notices = Array.from({ length: 12 }, (_, index) => notice(index + 1));
    members.set(admin, "join");
    await settle();
    expect(said).toHaveLength(1);
    expect(said[0]?.body.match(/^Job \d+ waits/gm)).toHaveLength(5);
    expect(said[0]?.body).toMatch(/\n\n7 more jobs wait for a person: `backscroll status --state held` lists them\.$/);
});

test("what changed in rooms is told in the same message, and once", async () => {
    notices = [notice(1), room(2, "history_closed"), room(3, "cannot_invite", false)];
    members.set(admin, "join");
    await settle();
    expect(said.map(({ body }) => body.split("\n\n").map((line) => line.slice(0, 38)))).toEqual([
        [
            "Job 17 waits for a person: @charlie:ho",
            "Room !room:home: The history is closed",
            "Room !room:home: I may invite there ag",
        ],
    ]);
});

test("an admin is told four times an hour at most; what comes meanwhile is collected", async () => {
    members.set(admin, "join");
    for (let id = 1; id <= 10; id++) {
        notices = Array.from({ length: id }, (_, index) => notice(index + 1));
        await settle();
        now += 60_000;
    }
    expect(said).toHaveLength(4);
    now += 3_600_000;
    await settle();
    expect(said).toHaveLength(5);
    expect(said[4]?.body.match(/^Job (\d+)|^1 more/gm)).toEqual([
        "Job 21",
        "Job 22",
        "Job 23",
        "Job 24",
        "Job 25",
        "1 more",
    ]);
});

test.each(
    ["createRoom", "readDirect", "writeDirect", "invite", "send"].flatMap((call) => [
        [call, false] as const,
        [call, true] as const,
    ]),
)(
    "a crash at %s (afterwards: %s): no second room, and the same message under the same transaction ID",
    async (call, after) => {
        fault = { call, after };
        await settle();
        members.set(admin, "join");
        await settle();
        fault = undefined;
        await settle();
        members.set(admin, "join");
        await settle();
        expect(made.size).toBe(1);
        expect(new Set(said.map(({ txnId }) => txnId)).size).toBe(1);
        expect(said.length > 1).toBe(call === "send" && after);
        expect(new Set(said.map(({ body }) => body)).size).toBe(1);
    },
);

test("a room that somebody else made is not taken for the admin's", async () => {
    made.set("!other:home", { "org.backscroll.notices_for": "@somebody:home" });
    seen.add("!other:home");
    await settle();
    expect(made.size).toBe(2);
});

test("an admin who has left is left alone for a week, and then asked into the same room again", async () => {
    members.set(admin, "join");
    await settle();
    members.set(admin, "leave");
    notices.push(notice(2));
    await settle();
    now += 6 * day;
    await settle();
    expect(calls).not.toContain("invite");
    now += 2 * day;
    await settle();
    expect(calls.filter((call) => call === "invite" || call === "createRoom")).toEqual(["createRoom", "invite"]);
    // Declined: another week.
    members.set(admin, "leave");
    await settle();
    now += 6 * day;
    await settle();
    expect(calls.filter((call) => call === "invite")).toHaveLength(1);
});

test("a clock that was set back keeps nobody from being told, nor from being asked in again", async () => {
    members.set(admin, "join");
    for (const id of [1, 2, 3, 4]) {
        notices = [notice(id)];
        await settle();
    }
    now -= 5 * day;
    notices = [notice(5)];
    await settle();
    expect(said).toHaveLength(5);
    now += 20 * day;
    members.set(admin, "leave");
    notices = [notice(6)];
    await settle();
    now -= 14 * day;
    await settle();
    now += 7 * day;
    await settle();
    expect(calls).toContain("invite");
});

test("what was put right before it could be told is not told", async () => {
    await settle();
    members.set(admin, "join");
    fault = { call: "send", after: false };
    await settle();
    fault = undefined;
    notices = [];
    await settle();
    notices = [notice(2)];
    await settle();
    expect(said.map(({ body }) => body.slice(0, 6))).toEqual(["Job 18"]);
});

test("a step that fails is not tried again at once by the same notifier", async () => {
    const notifier = newNotifier();
    fault = { call: "createRoom", after: false };
    for (const _ of [1, 2, 3]) {
        notifier.wake();
        await new Promise(setImmediate);
    }
    expect(calls).toEqual(["createRoom"]);
    now += 60_000;
    notifier.wake();
    await notifier.stop();
    expect(calls).toEqual(["createRoom", "createRoom"]);
});

test("control characters in names do not pass for text of ours", async () => {
    notices = [{ ...notice(1), userId: "@x\nJob 99 has failed:home", inviter: "@\u202ea:home" }];
    members.set(admin, "join");
    await settle();
    expect(said[0]?.body).toContain("@x\u{fffd}Job 99 has failed:home was invited to !room:home by @\u{fffd}a:home.");
});
