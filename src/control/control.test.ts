import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync, existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Failure } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { callBot, connectToBot, ControlServer, type Handlers, RemoteFailure } from "./index.ts";

const done = { ok: true, message: "done" };
const handlers: Handlers = {
    health: async () => ({ healthy: true, problems: [] }),
    invite: async ({ roomId, userId }) => ({ ok: true, message: `${userId} into ${roomId}`, jobId: "j2" }),
    accept: async ({ roomId }) => ({ ok: false, message: `nobody knocks at ${roomId}` }),
    share: async ({ roomId, userId }) => ({ ok: true, message: `${userId} in ${roomId}`, jobId: "j1" }),
    approve: async () => done,
    approveAll: async ({ roomId }) => ({ ok: true, message: roomId }),
    cancel: async () => done,
    pause: async ({ roomId }) => ({ ok: true, message: roomId ?? "everywhere" }),
    resume: async () => done,
    trust: async () => done,
    importRoomKeys: async ({ entries }) => ({ imported: entries.length - 1, refused: [{ index: 0, reason: "odd" }] }),
    exportRoomKeys: async ({ after }) => ({
        sessions: [{ session_id: `s${after}` }],
        next: after === 0 ? 7 : undefined,
    }),
    async *snapshot() {
        yield Buffer.from("one");
        yield Buffer.from("two");
    },
};

let folder: string;
let socketPath: string;
let logged: { facts: object; message: string }[];
const logger: Logger = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (facts, message) => void logged.push({ facts, message }),
    child: () => logger,
};
const serverOf = (changes: Partial<Handlers> = {}, more: { firstLineMs?: number } = {}) =>
    new ControlServer({ socketPath, handlers: { ...handlers, ...changes }, logger, ...more });

beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bs-"));
    socketPath = join(folder, "backscroll.sock");
    logged = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

test("every operation travels there and back", async () => {
    await using server = serverOf();
    await server.start();
    await using bot = await connectToBot(socketPath);
    expect(await bot?.call("health", {})).toEqual({ healthy: true, problems: [] });
    expect(await bot?.call("share", { roomId: "!a:b", userId: "@c:d" })).toEqual({
        ok: true,
        message: "@c:d in !a:b",
        jobId: "j1",
    });
    expect(await bot?.call("invite", { roomId: "!a:b", userId: "@c:d" })).toEqual({
        ok: true,
        message: "@c:d into !a:b",
        jobId: "j2",
    });
    expect(await bot?.call("accept", { roomId: "!a:b", userId: "@c:d" })).toEqual({
        ok: false,
        message: "nobody knocks at !a:b",
    });
    expect(await bot?.call("approve", { jobId: "j1" })).toEqual(done);
    expect(await bot?.call("approveAll", { roomId: "!r" })).toEqual({ ok: true, message: "!r" });
    expect(await bot?.call("cancel", { jobId: "j1" })).toEqual(done);
    expect(await bot?.call("pause", { roomId: undefined })).toEqual({ ok: true, message: "everywhere" });
    expect(await bot?.call("resume", { roomId: "!a:b" })).toEqual(done);
    expect(await bot?.call("trust", { userId: "@c:d", fingerprint: "f" })).toEqual(done);
    expect(await bot?.call("importRoomKeys", { entries: [{}, {}], more: false })).toEqual({
        imported: 1,
        refused: [{ index: 0, reason: "odd" }],
    });
    expect(await bot?.call("exportRoomKeys", { roomId: "!a:b", after: 0 })).toEqual({
        sessions: [{ session_id: "s0" }],
        next: 7,
    });
    expect(await bot?.call("exportRoomKeys", { roomId: "!a:b", after: 7 })).toEqual({
        sessions: [{ session_id: "s7" }],
        next: undefined,
    });
    expect(Buffer.concat(await Array.fromAsync(bot?.snapshot() ?? [])).toString()).toBe("onetwo");
    expect(await bot?.call("health", {})).toEqual({ healthy: true, problems: [] });
});

test("whoever hangs up in the middle of a snapshot ends it", async () => {
    const ended = Promise.withResolvers<void>();
    await using server = serverOf({
        async *snapshot() {
            try {
                for (;;) yield Buffer.alloc(1_000_000);
            } finally {
                ended.resolve();
            }
        },
    });
    await server.start();
    {
        await using bot = await connectToBot(socketPath);
        for await (const _ of bot?.snapshot() ?? []) break;
    }
    await expect(ended.promise).resolves.toBeUndefined();
});

test("a snapshot that fails in the middle is a failure for the command", async () => {
    await using server = serverOf({
        async *snapshot() {
            yield Buffer.from("one");
            throw new Failure("disk_full", { path: "/data" });
        },
    });
    await server.start();
    await using bot = await connectToBot(socketPath);
    await expect(Array.fromAsync(bot?.snapshot() ?? [])).rejects.toMatchObject({ code: "disk_full", exitCode: 73 });
});

test("only the bot's user may open the socket, from the first instant", async () => {
    await using server = serverOf();
    const started = server.start();
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    await started;
});

test("where no bot runs, that is no error: no socket, and a socket that a dead process left", async () => {
    expect(await connectToBot(socketPath)).toBeUndefined();
    await leaveStaleSocket();
    expect(existsSync(socketPath)).toBe(true);
    expect(await callBot(socketPath, "health", {})).toBeUndefined();
});

test("a stale socket is replaced, another file is not", async () => {
    await leaveStaleSocket();
    await using server = serverOf();
    await server.start();
    expect(await callBot(socketPath, "health", {})).toEqual({ healthy: true, problems: [] });
    await server.stop();
    expect(existsSync(socketPath)).toBe(false);

    writeFileSync(socketPath, "precious");
    await expect(serverOf().start()).rejects.toThrow(expect.objectContaining({ code: "data_dir_unusable" }));
    expect(existsSync(socketPath)).toBe(true);
});

test("an expected failure keeps its code, its sentence and its exit code", async () => {
    await using server = serverOf({ approve: () => Promise.reject(new Failure("disk_full", { path: "/d" })) });
    await server.start();
    const failed = await callBot(socketPath, "approve", { jobId: "j" }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(RemoteFailure);
    expect(failed).toMatchObject({
        code: "disk_full",
        exitCode: 73,
        message: new Failure("disk_full", { path: "/d" }).message,
    });
});

test("an unexpected failure tells an id that stands in the log, and nothing else", async () => {
    await using server = serverOf({ approve: () => Promise.reject(new Error("inner secret")) });
    await server.start();
    const failed = await callBot(socketPath, "approve", { jobId: "j" }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "internal", exitCode: 70 });
    expect(String(failed)).not.toContain("inner secret");
    expect(logged).toEqual([
        {
            facts: expect.objectContaining({ operation: "approve", error: expect.any(Error) }),
            message: expect.any(String),
        },
    ]);
    expect(logged[0]?.facts).toMatchObject({ error_id: /error_id (\w+)/.exec(String(failed))?.[1] });
});

test.each([
    ["no JSON", "hello"],
    ["an unknown operation", JSON.stringify({ id: 1, operation: "shutdown", params: {} })],
    ["a prototype's name as operation", JSON.stringify({ id: 1, operation: "constructor", params: {} })],
    ["params of a wrong type", JSON.stringify({ id: 1, operation: "share", params: { roomId: 3, userId: null } })],
    ["one param too many", JSON.stringify({ id: 1, operation: "health", params: { extra: 1 } })],
])("%s is refused at the door, and the connection lives on", async (_, line) => {
    await using server = serverOf();
    await server.start();
    const answers = await exchange(`${line}\n${JSON.stringify({ id: 2, operation: "health", params: {} })}\n`, 2);
    expect(JSON.parse(answers[0] ?? "")).toMatchObject({ id: null, ok: false, error: { code: "bad_request" } });
    expect(JSON.parse(answers[1] ?? "")).toMatchObject({ id: 2, ok: true });
});

test("who sends a line without end is hung up on, and others are served on", async () => {
    await using server = serverOf();
    await server.start();
    await expect(exchange("x".repeat(9 * 1_048_576), 1)).rejects.toThrow(/ECONNRESET|EPIPE|hung up/);
    expect(await callBot(socketPath, "health", {})).toEqual({ healthy: true, problems: [] });
});

test("clients that say nothing take no place from others for long", async () => {
    await using server = serverOf({}, { firstLineMs: 50 });
    await server.start();
    const silent = Array.from({ length: 64 }, () => connect(socketPath).on("error", () => {}));
    await Promise.all(silent.map((client) => once(client, "connect")));
    await expect
        .poll(() => callBot(socketPath, "health", {}).catch(() => undefined), { timeout: 10_000 })
        .toMatchObject({ healthy: true });
    for (const client of silent) client.destroy();
});

test("who has said something may be silent after it", async () => {
    const firstLineMs = 50;
    await using server = serverOf({}, { firstLineMs });
    await server.start();
    await using bot = await vi.waitUntil(connectionThatSpoke, { timeout: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, firstLineMs + 1));
    expect(await bot.call("health", {})).toEqual({ healthy: true, problems: [] });
});

test("a slow command of one client does not hold up another's", async () => {
    const gate = Promise.withResolvers<typeof done>();
    await using server = serverOf({ approve: () => gate.promise });
    await server.start();
    const slow = callBot(socketPath, "approve", { jobId: "j" });
    expect(await callBot(socketPath, "health", {})).toEqual({ healthy: true, problems: [] });
    gate.resolve(done);
    expect(await slow).toEqual(done);
});

test("a stop hangs up on who waits, and a bot that never answers is given up", async () => {
    const server = serverOf({ approve: () => new Promise(() => {}) });
    await server.start();
    const waiting = callBot(socketPath, "approve", { jobId: "j" }).catch((error: unknown) => error);
    const impatient = callBot(socketPath, "approve", { jobId: "j" }, { timeout: 50 });
    await expect(impatient).rejects.toThrow("did not answer: no answer in time");
    await server.stop();
    expect(await waiting).toMatchObject({ code: "bot_not_answering" });
});

/** Undefined: it was hung up on before its first line, as the machine is busy. */
async function connectionThatSpoke() {
    const bot = await connectToBot(socketPath);
    return bot?.call("health", {}).then(
        () => bot,
        () => undefined,
    );
}

async function leaveStaleSocket(): Promise<void> {
    const path = socketPath;
    const other = `${path}.other`;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(other, resolve));
    const { renameSync } = await import("node:fs");
    renameSync(other, path);
    await new Promise<void>((resolve) => server.close(() => resolve()));
}

function exchange(text: string, answers: number): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    const client = connect(socketPath);
    let received = "";
    client.on("error", reject);
    client.on("close", () => reject(new Error("hung up")));
    client.on("data", (chunk) => {
        received += chunk.toString();
        const lines = received.trimEnd().split("\n");
        if (lines.length < answers || !received.endsWith("\n")) return;
        client.destroy();
        resolve(lines);
    });
    client.write(text);
    return promise;
}
