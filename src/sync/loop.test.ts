import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { commitsInLog, TemporaryFolder } from "../../test/process/index.ts";
import { type Database, openDatabase, type Schema } from "../database/index.ts";
import { Failure } from "../failures/index.ts";
import { HomeserverError, type HomeserverProblem } from "../homeserver/index.ts";
import type { CryptoChanges, SyncBatch } from "../matrix/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { lastSuccessAt, SyncLoop, syncSchema } from "./index.ts";
import { SyncPosition } from "./position.ts";

type SyncCall = {
    readonly since: string | undefined;
    readonly timeoutMs: number;
    readonly filter: string;
    readonly signal: AbortSignal;
};

/** Answers `/sync` from a script, step by step, and holds the poll when it is at its end. */
class ScriptedHomeserver {
    readonly script: unknown[] = [];
    readonly calls: SyncCall[] = [];

    sync(call: SyncCall): Promise<unknown> {
        this.calls.push(call);
        if (this.script.length > 0) {
            const step = this.script.shift();
            return step instanceof Error ? Promise.reject(step) : Promise.resolve(step);
        }
        const { promise, reject } = Promise.withResolvers<unknown>();
        call.signal.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
        return promise;
    }
}

const notes: Schema = { feature: "notes", migrations: [(sql) => sql.exec("CREATE TABLE notes (text TEXT NOT NULL)")] };
const problem = (given: HomeserverProblem): HomeserverError => new HomeserverError("sync", given);
const away = problem({ kind: "unreachable", reason: "refused", detail: "ECONNREFUSED" });
const batch = (nextBatch: string, more: object = {}): object => ({
    next_batch: nextBatch,
    device_one_time_keys_count: { signed_curve25519: 50 },
    ...more,
});
const toDevice = { to_device: { events: [{ type: "m.room.encrypted" }] } };

let database: Database;
let server: ScriptedHomeserver;
let story: string[];
let received: CryptoChanges[];
let lines: [string, object][];
/** The batches that came with a homeserver's return. */
let returned: string[];
let stopping: AbortController;
/** What the next calls of `receive` and `record` do. */
let onReceive: () => Promise<void>;
let onRecord: (batch: SyncBatch) => void;
let running: Promise<void>;
beforeEach(() => {
    vi.useFakeTimers({ now: 5000 });
    database = openDatabase({ path: ":memory:", schemas: [syncSchema, notes] });
    server = new ScriptedHomeserver();
    story = [];
    received = [];
    lines = [];
    returned = [];
    onReceive = () => Promise.resolve();
    onRecord = ({ nextBatch }) => database.sql.prepare("INSERT INTO notes VALUES (?)").run(nextBatch);
});
afterEach(async () => {
    stopping.abort();
    await running.catch(() => undefined);
    vi.useRealTimers();
    database.close();
});

const note = (facts: object, message: string): void => void lines.push([message, facts]);
const logger: Logger = { debug() {}, info: note, warn: note, error: note, child: () => logger };
const token = (): string | undefined => new SyncPosition(database).token();
const recorded = (): unknown[] =>
    database.sql
        .prepare("SELECT text FROM notes")
        .all()
        .map(({ text }) => text);

/** Starts a run, as after a (re)start of the process, and lets it come to rest. */
async function run(...script: unknown[]): Promise<SyncLoop> {
    return await start(makeLoop(), ...script);
}

async function start(loop: SyncLoop, ...script: unknown[]): Promise<SyncLoop> {
    server.script.push(...script);
    running = loop.run(stopping.signal);
    running.catch(() => undefined);
    await settle();
    return loop;
}

function makeLoop(restMs = 0): SyncLoop {
    stopping = new AbortController();
    return new SyncLoop({
        homeserver: server,
        database,
        userId: "@bot:home",
        deviceId: "DEVICE",
        receive: async (changes) => {
            received.push(changes);
            await onReceive();
            story.push("received");
            return ["!changed:home"];
        },
        record: (given, isBack) => {
            story.push(`record after ${token() ?? "nothing"}`);
            if (isBack) returned.push(given.nextBatch);
            onRecord(given);
        },
        afterBatch: (rooms) => story.push(`act on ${rooms.join()} at ${token() ?? "nothing"}`),
        restMs,
        logger,
        now: Date.now,
        random: () => 0.5,
    });
}
const settle = async (milliseconds = 0): Promise<void> => void (await vi.advanceTimersByTimeAsync(milliseconds));

test("the crypto part is on disk before anything is recorded, the token moves with the records, and only then is anything done", async () => {
    const loop = await run(batch("s1", toDevice), batch("s2"));
    await loop.ready();
    expect(story).toEqual([
        "received",
        "record after nothing",
        "act on !changed:home at s1",
        "record after s1",
        "act on  at s2",
    ]);
    expect([recorded(), token(), lastSuccessAt(database)]).toEqual([["s1", "s2"], "s2", 5000]);
});

test("between an answer and the next request there is a rest", async () => {
    await start(makeLoop(100), batch("s1"), batch("s2"), batch("s3"));
    expect(server.calls.map(({ since }) => since)).toEqual([undefined]);
    await settle(99);
    expect(server.calls).toHaveLength(1);
    await settle(1);
    expect(server.calls.map(({ since }) => since)).toEqual([undefined, "s1"]);
    await settle(100);
    // The script is at its end: this request is held, as a homeserver holds it that has nothing to say.
    await settle(100);
    expect([server.calls.length, token()]).toEqual([4, "s3"]);
});

test("a crash between preparing and recording brings the same batch again", async () => {
    onRecord = () => {
        throw new Error("killed here");
    };
    await run(batch("s1", toDevice));
    await expect(running).rejects.toThrow("killed here");
    expect([token(), recorded()]).toEqual([undefined, []]);
    onRecord = ({ nextBatch }) => database.sql.prepare("INSERT INTO notes VALUES (?)").run(nextBatch);
    await run(batch("s1", toDevice));
    expect(server.calls.map(({ since }) => since)).toEqual([undefined, undefined, "s1"]);
    expect([token(), recorded()]).toEqual(["s1", ["s1"]]);
});

test("what was recorded goes back with the token if the recording fails half-way", async () => {
    onRecord = ({ nextBatch }) => {
        database.sql.prepare("INSERT INTO notes VALUES (?)").run(nextBatch);
        throw new Error("half-way");
    };
    await run(batch("s1"));
    await expect(running).rejects.toThrow("half-way");
    expect([token(), recorded()]).toEqual([undefined, []]);
});

test("nothing is recorded of a batch whose crypto part could not be stored", async () => {
    onReceive = () => Promise.reject(new Failure("worker_died", { detail: "panic" }));
    await run(batch("s1", toDevice));
    await expect(running).rejects.toMatchObject({ code: "worker_died" });
    expect([token(), recorded()]).toEqual([undefined, []]);
});

test("the crypto worker is left alone by batches that have nothing for it", async () => {
    await run(
        batch("s1"),
        batch("s2"),
        batch("s3", { device_one_time_keys_count: { signed_curve25519: 49 } }),
        batch("s4", { device_lists: { changed: ["@a:b"] } }),
    );
    expect(received).toHaveLength(3);
});

test("a batch is one commit of the bot's database, whatever is recorded of it", async () => {
    using folder = new TemporaryFolder("sync");
    const path = join(folder.path, "backscroll.sqlite");
    database.close();
    database = openDatabase({ path, schemas: [syncSchema, notes] });
    onRecord = ({ nextBatch }) => {
        for (let note = 0; note < 5; note++) database.sql.prepare("INSERT INTO notes VALUES (?)").run(nextBatch);
    };
    const before = commitsInLog(path);
    await run(batch("s1", toDevice), batch("s2"), batch("s3"));
    expect([token(), commitsInLog(path) - before]).toEqual(["s3", 3]);
});

test("the first poll of a run answers at once, later ones are long, and all ask for whole member lists", async () => {
    await run(batch("s1"));
    await settle();
    expect(server.calls.map(({ timeoutMs }) => timeoutMs)).toEqual([0, 30_000]);
    expect(JSON.parse(server.calls[0]?.filter ?? "")).toMatchObject({ room: { state: { lazy_load_members: false } } });
});

test("a server that does not hold the poll is not asked without rest", async () => {
    await run(batch("s1"), batch("s1"), batch("s1"), batch("s1"));
    expect(server.calls.length).toBeLessThanOrEqual(2);
    await settle(1_000);
    expect(server.calls).toHaveLength(3);
});

test.each([
    ["an absent homeserver", away, "homeserver_away"],
    [
        "a server error",
        problem({ kind: "server_error", status: 502, errcode: "M_UNKNOWN", error: "", retryAfterMs: undefined }),
        "homeserver_fault",
    ],
    ["a proxy's page", problem({ kind: "not_matrix", status: 200, detail: "HTML" }), "homeserver_fault"],
    ["a refusal", problem({ kind: "forbidden", errcode: "M_FORBIDDEN", error: "no" }), "homeserver_fault"],
    ["a locked account", problem({ kind: "user_locked", error: "locked" }), "account_locked"],
    ["a suspended account", problem({ kind: "user_suspended", error: "suspended" }), "account_locked"],
    ["an answer without a token", { rooms: {} }, "answer_malformed"],
    ["an answer that is no object", "<html>", "answer_malformed"],
])("%s is waited out, with one line in the log", async (_, step, code) => {
    const loop = await run(step, step, step, batch("s1"));
    expect(loop.problem).toMatchObject({ code, since: 5000 });
    await settle(10_000);
    expect([token(), loop.problem]).toEqual(["s1", undefined]);
    expect(lines.map(([message]) => message)).toEqual([
        "the sync waits; nothing is lost meanwhile",
        "the sync goes on",
    ]);
});

test("the first batch of a run, and the first after a failure, say that the homeserver is back", async () => {
    await run(batch("s1"), batch("s2"), away, away, batch("s3"), batch("s4"));
    await settle(10_000);
    expect([token(), returned]).toEqual(["s4", ["s1", "s3"]]);
});

test("a rate limit is obeyed to the millisecond", async () => {
    await run(problem({ kind: "rate_limited", retryAfterMs: 7_000 }), batch("s1"));
    await settle(6_999);
    expect(server.calls).toHaveLength(1);
    await settle(1_001);
    expect(token()).toBe("s1");
});

test("a homeserver that is away for a day is found within ten seconds of its return, and not asked in a storm", async () => {
    await run(...Array.from({ length: 20_000 }, () => away));
    await settle(24 * 3600 * 1000);
    expect(server.calls.length).toBeLessThan(24 * 3600);
    server.script.splice(0, Infinity, batch("s1"));
    await settle(10_000);
    expect(token()).toBe("s1");
});

test.each([
    ["a revoked token", problem({ kind: "unknown_token", softLogout: false }), "device_logged_out"],
    ["a deactivated account", problem({ kind: "user_deactivated", error: "gone" }), "account_deactivated"],
])("%s ends the run with its cure", async (_, step, code) => {
    await run(step);
    await expect(running).rejects.toMatchObject({ name: "Failure", code, exitCode: 77 });
});

test("a full disk: the token stays, the batch is kept, and the sync goes on by itself when there is room", async () => {
    const pages = Number(database.sql.prepare("PRAGMA page_count").get()?.["page_count"]);
    onRecord = ({ nextBatch }) =>
        database.sql.prepare("INSERT INTO notes VALUES (?)").run(nextBatch + "x".repeat(20_000));
    database.sql.exec(`PRAGMA max_page_count = ${pages}`);
    const loop = await run(batch("s1", toDevice));
    expect([loop.problem?.code, token(), recorded()]).toEqual(["disk", undefined, []]);
    await settle(60_000);
    expect([server.calls.length, received.length]).toEqual([1, 1]);
    database.sql.exec("PRAGMA max_page_count = 100000");
    await settle(30_000);
    expect([loop.problem, token(), recorded().length, received.length]).toEqual([undefined, "s1", 1, 1]);
});

test("a full disk of the crypto store is waited out with the same changes", async () => {
    onReceive = () => Promise.reject(new Failure("disk_full", { path: "crypto.sqlite" }));
    const loop = await run(batch("s1", toDevice));
    expect([loop.problem?.code, token()]).toEqual(["disk", undefined]);
    onReceive = () => Promise.resolve();
    await settle(30_000);
    expect([token(), server.calls[1]?.since]).toEqual(["s1", "s1"]);
});

test("a stop ends the long poll, and the run resolves", async () => {
    await run(batch("s1"));
    stopping.abort();
    await expect(running).resolves.toBeUndefined();
});

test("a stop while the crypto part is being stored still records the batch", async () => {
    const stored = Promise.withResolvers<void>();
    onReceive = () => stored.promise;
    await run(batch("s1", toDevice));
    stopping.abort();
    stored.resolve();
    await running;
    expect([token(), recorded()]).toEqual(["s1", ["s1"]]);
});

test("a stop while waiting ends the wait", async () => {
    await run(away);
    stopping.abort();
    await expect(running).resolves.toBeUndefined();
});

test("a malformed event is left out and counted, and the batch goes on", async () => {
    await run(batch("s1", { rooms: { join: { "!room:home": { timeline: { events: [5, {}, null] } } } } }));
    expect(token()).toBe("s1");
    expect(lines).toEqual([["left malformed parts out of a sync answer", expect.objectContaining({ count: 3 })]]);
});

const refused = (errcode = "M_UNKNOWN"): HomeserverError =>
    problem({ kind: "invalid", status: 400, errcode, error: "no such token" });
const sinces = (): unknown[] => server.calls.map(({ since }) => since);

test("a homeserver that does not know the token any more is followed from the beginning, and what was recorded stays", async () => {
    await run(batch("old"));
    stopping.abort();
    await running;
    server.calls.length = 0;
    await run(refused(), refused(), refused(), batch("new"), batch("newer"));
    await settle(60_000);
    expect(sinces().slice(0, 5)).toEqual(["old", "old", "old", undefined, "new"]);
    expect([recorded(), token()]).toEqual([["old", "new", "newer"], "newer"]);
    expect(received.at(-1)?.fromStart).toBe(true);
    expect(lines.filter(([line]) => line.includes("read anew"))).toHaveLength(1);
});

test("a token is not given up for what its absence does not heal, nor for one odd refusal", async () => {
    await run(batch("old"));
    stopping.abort();
    await running;
    server.calls.length = 0;
    await run(refused(), away, refused(), batch("s2"), refused(), refused(), refused(), refused(), batch("s3"));
    await settle(120_000);
    expect(sinces().slice(0, 9)).toEqual(["old", "old", "old", "old", "s2", "s2", "s2", undefined, "s2"]);
    expect(token()).toBe("s3");
});

test("a sync that is to start anew forgets the token of an answer that is on its way", async () => {
    await run(batch("old"));
    stopping.abort();
    await running;
    let tokenThen: string | undefined = "not looked at";
    const loop = makeLoop();
    server.script.push(batch("on its way", toDevice), batch("anew", toDevice));
    story.length = 0;
    onRecord = ({ since }) => {
        if (since === undefined) tokenThen = token();
    };
    onReceive = () => {
        if (story.length === 0) loop.startAnew();
        return Promise.resolve();
    };
    running = loop.run(stopping.signal);
    await settle();
    expect(tokenThen).toBeUndefined();
    expect(token()).toBe("anew");
});
