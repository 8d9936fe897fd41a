import { RunningClock, runningClockSchema } from "../due/index.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { parseSyncBatch } from "../matrix/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { InvitationPolicy } from "./invitation-policy.ts";
import { InvitationTable } from "./invitation-table.ts";
import { Invitations, RoomReader, RoomRecorder, roomsSchema } from "./index.ts";

const bot = "@bot:home";
const admin = "@admin:home";
const stranger = "@stranger:far";
const roomId = "!room:home";
const next = "!next";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Takes down what the bot asks of the homeserver; fails while told to. */
class HomeserverThatAnswers {
    readonly calls: string[] = [];
    failure: Error | undefined;
    /** Whoever asks for rooms by way of this server waits until the release. */
    stuck = "";
    readonly #released = Promise.withResolvers<void>();
    readonly release = (): void => this.#released.resolve();
    readonly join = (room: string, via: readonly string[]): Promise<void> =>
        this.#answer(`join ${room} via ${via.join()}`);
    readonly leave = (room: string, reason: string): Promise<void> => this.#answer(`leave ${room}: ${reason}`);

    #answer(call: string): Promise<void> {
        this.calls.push(call);
        if (this.stuck !== "" && call.includes(this.stuck)) return this.#released.promise;
        return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
    }
}

/** A server asks to be left alone for a day. */
class Busy extends Error {}

let database: Database;
let rooms: RoomReader;
let server: HomeserverThatAnswers;
let invitations: Invitations;
beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000 });
    database = openDatabase({ path: ":memory:", schemas: [runningClockSchema, roomsSchema] });
    rooms = new RoomReader(database);
    server = new HomeserverThatAnswers();
    start({ from: [admin], others: "reject" });
});
afterEach(async () => {
    await invitations.stop();
    vi.useRealTimers();
    database.close();
});

function start(policy: InvitationPolicy, now = Date.now): void {
    const { join, leave } = server;
    const retryAfterOf = (error: unknown) => (error instanceof Busy ? 24 * 3_600_000 : undefined);
    invitations = new Invitations({
        database,
        policy,
        join,
        leave,
        retryAfterOf,
        logger: silent,
        now,
        random: () => 0,
    });
    invitations.start();
}

let events = 0;
const state = (type: string, content: unknown, key: string, sender: string): object => ({
    type: `m.room.${type}`,
    state_key: key,
    content,
    sender,
    event_id: `$${++events}`,
    origin_server_ts: 1,
});
const invite = (by: string): object => ({
    invite_state: { events: [state("member", { membership: "invite" }, bot, by)] },
});
const joined = (predecessor?: string, timeline: object[] = []): object => ({
    state: { events: [state("create", { room_version: "12", predecessor: { room_id: predecessor } }, "", admin)] },
    timeline: { events: timeline },
});
const tombstone = (by: string): object => state("tombstone", { replacement_room: next }, "", by);

/** Records a batch and lets what follows from it happen. */
async function record(batchRooms: object): Promise<void> {
    const recorder = new RoomRecorder({ database, userId: bot, lastBatchAt: () => undefined, now: Date.now });
    database.transaction(() => recorder.record(parseSyncBatch({ next_batch: "s2", rooms: batchRooms }, "s1")));
    invitations.wake();
    // A room that was just answered rests for a second.
    await vi.advanceTimersByTimeAsync(1_000);
}

test("an invite of an admin is accepted, once, by way of the admin's server", async () => {
    await record({ invite: { [roomId]: invite(admin) } });
    await record({});
    await record({ join: { [roomId]: joined() } });
    expect(server.calls).toEqual([`join ${roomId} via home`]);
    expect(rooms.pendingInvites()).toEqual([]);
});

test("an invite of somebody else is rejected with a reason", async () => {
    await record({ invite: { [roomId]: invite(stranger) } });
    expect(server.calls).toEqual([
        `leave ${roomId}: This bot only joins rooms at the invitation of the people who run it.`,
    ]);
});

test("an invite that is left pending shows, and is judged again after a restart with another configuration", async () => {
    await invitations.stop();
    start({ from: [admin], others: "leave_pending" });
    await record({ invite: { [roomId]: invite(stranger) } });
    expect(server.calls).toEqual([]);
    expect(rooms.pendingInvites()).toEqual([{ roomId, inviter: stranger, since: 1_000_000 }]);
    await invitations.stop();
    start({ from: [stranger], others: "leave_pending" });
    await vi.advanceTimersByTimeAsync(0);
    expect(server.calls).toEqual([`join ${roomId} via far`]);
});

test("a room that cannot be joined is tried again at growing intervals, then given up with the reason, until the next invite", async () => {
    server.failure = new Error("no server knows this room");
    await record({ invite: { [roomId]: invite(admin) } });
    await vi.advanceTimersByTimeAsync(24 * 3600 * 1000);
    expect(server.calls).toHaveLength(14);
    expect(new InvitationTable(database).get(roomId)).toMatchObject({
        state: "given_up",
        attempts: 14,
        reason: "no server knows this room",
    });
    server.failure = undefined;
    await record({ invite: { [roomId]: invite(admin) } });
    expect(server.calls).toHaveLength(15);
});

test("a failed answer heals by itself", async () => {
    server.failure = new Error("not now");
    await record({ invite: { [roomId]: invite(stranger) } });
    server.failure = undefined;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(server.calls).toHaveLength(2);
    expect(rooms.pendingInvites()).toEqual([]);
});

test("a server that lets the bot wait holds up nobody else's invites, however many its users made before", async () => {
    await invitations.stop();
    start({ from: ["@*"], others: "reject" });
    server.stuck = "via slow";
    await record({
        invite: Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`!${n}:slow`, invite(`@user${n}:slow`)])),
    });
    await record({ invite: { [roomId]: invite(admin) } });
    const calls = [...server.calls];
    server.release();
    expect(calls).toEqual(["join !0:slow via slow", "join !10:slow via slow", `join ${roomId} via home`]);
});

test("a server that asks to be left alone for a day is tried again after half an hour", async () => {
    server.failure = new Busy();
    await record({ invite: { [roomId]: invite(admin) } });
    await vi.advanceTimersByTimeAsync(29 * 60_000);
    expect(server.calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    expect(server.calls).toHaveLength(2);
});

test("a clock that is set back by months spins nothing and holds up nobody", async () => {
    vi.setSystemTime(Date.UTC(2026, 10));
    const clock = new RunningClock({ database, monotonic: () => performance.now(), wall: Date.now });
    await invitations.stop();
    start({ from: [admin], others: "reject" }, () => clock.now());
    server.failure = new Error("not now");
    await record({ invite: { [roomId]: invite(admin) } });
    server.failure = undefined;
    await invitations.stop();
    let looks = 0;
    vi.setSystemTime(Date.UTC(2026, 8));
    start({ from: [admin], others: "reject" }, () => (looks++, clock.now()));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.calls).toHaveLength(2);
    expect(looks).toBeLessThan(20);
});

test("an invite that is withdrawn while it is tried again is forgotten", async () => {
    server.failure = new Error("not now");
    await record({ invite: { [roomId]: invite(admin) } });
    await record({ leave: { [roomId]: {} } });
    await vi.advanceTimersByTimeAsync(24 * 3600 * 1000);
    expect(server.calls).toHaveLength(1);
});

test("an answer whose echo never comes is given again", async () => {
    await record({ invite: { [roomId]: invite(admin) } });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(server.calls).toHaveLength(2);
});

test("what was not answered before a stop is answered after the next start", async () => {
    await invitations.stop();
    await record({ invite: { [roomId]: invite(admin) } });
    expect(server.calls).toEqual([]);
    start({ from: [admin], others: "reject" });
    await vi.advanceTimersByTimeAsync(0);
    expect(server.calls).toHaveLength(1);
});

test("an answer that a stop aborts is no failed attempt: the next start gives it at once", async () => {
    server.failure = new DOMException("the bot stops", "AbortError");
    await record({ invite: { [roomId]: invite(admin) } });
    await invitations.stop();
    server.failure = undefined;
    start({ from: [admin], others: "reject" });
    await vi.advanceTimersByTimeAsync(0);
    expect(server.calls).toHaveLength(2);
});

test("a database that cannot be written makes neither a crash nor a storm of requests", async () => {
    await record({ invite: { [roomId]: invite(admin) } });
    database.sql.exec("UPDATE room_invitations SET state = 'open', next_attempt_at = 0; PRAGMA query_only = 1");
    invitations.wake();
    await vi.advanceTimersByTimeAsync(29_000);
    expect(server.calls).toHaveLength(2);
    database.sql.exec("PRAGMA query_only = 0");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(new InvitationTable(database).get(roomId)?.state).toBe("answered");
});

test("a tombstone is followed by way of its sender's server, and the old room stays as it is", async () => {
    await record({ join: { [roomId]: joined(undefined, [tombstone(stranger)]) } });
    await record({ join: { [next]: joined(roomId) } });
    await vi.advanceTimersByTimeAsync(24 * 3600 * 1000);
    expect(server.calls).toEqual([`join ${next} via far`]);
    expect(rooms.room(roomId)?.successor).toBe(next);
});

test("a room that does not name its predecessor is left again if a stranger's tombstone led there", async () => {
    await record({ join: { [roomId]: joined(undefined, [tombstone(stranger)]) } });
    await record({ join: { [next]: joined("!another:home") } });
    await record({ leave: { [next]: {} } });
    expect(server.calls).toEqual([
        `join ${next} via far`,
        `leave ${next}: This room does not say that it replaces the one whose tombstone names it.`,
    ]);
    expect(new InvitationTable(database).all()).toEqual([]);
});

test("a room that does not name its predecessor is kept if an admin led there", async () => {
    await record({ join: { [roomId]: joined(undefined, [tombstone(admin)]) } });
    await record({ join: { [next]: joined() } });
    expect(server.calls).toEqual([`join ${next} via home`]);
});

test("an invite into the successor by somebody else does not make the bot turn its back on it", async () => {
    server.failure = new Error("invite only");
    await record({ join: { [roomId]: joined(undefined, [tombstone(stranger)]) } });
    server.failure = undefined;
    await record({ invite: { [next]: invite("@helper:third") } });
    expect(server.calls).toEqual([`join ${next} via far`, `join ${next} via far,third`]);
});

test("a successor that the bot was thrown out of is not followed into again", async () => {
    await record({ join: { [next]: joined() } });
    await record({
        leave: { [next]: { timeline: { events: [state("member", { membership: "ban" }, bot, stranger)] } } },
    });
    await record({ join: { [roomId]: joined(undefined, [tombstone(stranger)]) } });
    expect(server.calls).toEqual([]);
});

test("of a room's tombstones the last of a batch is followed, and none once the bot is in a successor", async () => {
    const to = (successor: string) => state("tombstone", { replacement_room: successor }, "", admin);
    await record({ join: { [roomId]: joined(undefined, [to("!a"), to("!b"), to("!c")]) } });
    await record({ join: { "!c": joined(roomId) } });
    await record({ join: { [roomId]: { timeline: { events: [to("!d"), to("!e")] } } } });
    await record({ join: { [roomId]: { timeline: { events: [to("!f")] } } } });
    expect(server.calls).toEqual(["join !c via home"]);
});
