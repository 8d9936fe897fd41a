import { once } from "node:events";
import { createServer } from "node:http";
import { expect, onTestFinished, test, vi } from "vitest";
import { Secret } from "../config/index.ts";
import { Client, type ClientOptions, prepareSdk } from "./client.ts";
import { HomeserverError } from "./errors.ts";
import {
    collectingLog,
    cut,
    json,
    page,
    scriptedServer,
    silence,
    type Step,
    truncated,
} from "./testing/scripted-server.ts";

const done = json(200, { ok: true });
const ask = { operation: "ask", method: "POST", path: "/_matrix/client/v3/ask", body: '{"a": 1}' } as const;
const token = new Secret("syt_a_very_secret_token");

async function start(
    steps: readonly Step[],
    options: Partial<ClientOptions> = {},
    at = "",
): Promise<{
    readonly client: Client;
    readonly server: Awaited<ReturnType<typeof scriptedServer>>;
    readonly log: ReturnType<typeof collectingLog>;
}> {
    prepareSdk();
    const server = await scriptedServer(...steps);
    onTestFinished(() => server[Symbol.asyncDispose]());
    const log = collectingLog();
    const client = new Client({
        url: server.url + at,
        signal: new AbortController().signal,
        log,
        random: () => 0,
        pace: { first: 0, longest: 0 },
        ...options,
    });
    client.useAccessToken(token);
    return { client, server, log };
}

const ended = (softLogout: boolean): Step =>
    json(401, { errcode: "M_UNKNOWN_TOKEN", error: "no", soft_logout: softLogout });

test("the body goes out as it was given, the answer comes back as it was sent, and the URL may hold a path", async () => {
    const { client, server } = await start([done], {}, "/behind/a/path/");
    expect(await client.call(ask)).toEqual({ text: '{"ok":true}', json: { ok: true } });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", url: "/behind/a/path/_matrix/client/v3/ask", body: '{"a": 1}' });
    expect(request?.headers).toMatchObject({
        authorization: `Bearer ${token.reveal()}`,
        "content-type": "application/json",
        "content-length": "8",
    });
});

test("bytes go out as bytes with their length, also in pieces and from the middle of a buffer", async () => {
    const { client, server } = await start([done]);
    await client.call({ ...ask, body: [Buffer.from("--by--").subarray(2, 4), Buffer.from("tes")] });
    expect(server.requests[0]).toMatchObject({
        body: "bytes",
        headers: { "content-type": "application/octet-stream", "content-length": "5" },
    });
});

test("a large body goes out whole, with its length, and again at the second attempt", async () => {
    const { client, server } = await start([json(500, { errcode: "M_UNKNOWN" }), done]);
    const body = Buffer.alloc(1_000_001, "x");
    await client.call({ ...ask, body: [body] });
    for (const request of server.requests) {
        expect(request.headers).toMatchObject({ "content-length": "1000001" });
        expect(request.headers).not.toHaveProperty("transfer-encoding");
        expect(request.body).toBe(body.toString());
    }
    expect(server.requests).toHaveLength(2);
});

test("a large body that is refused before it was read is a refusal", async () => {
    const server = createServer((_, response) => {
        response.writeHead(413, { "content-type": "text/html", connection: "close" });
        response.end("too large");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const { client } = await start([done], { url: `http://127.0.0.1:${port}` });
    const upload = client.call({ ...ask, body: [Buffer.alloc(20_000_000)], attempts: 5 });
    await expect(upload).rejects.toMatchObject({ problem: { kind: "too_large" } });
});

test("an anonymous call carries no token", async () => {
    const { client, server } = await start([done]);
    await client.call({ ...ask, anonymous: true });
    expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
});

test.each<readonly [string, Step]>([
    ["a 429 with retry_after_ms", json(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 30 })],
    ["a 429 with Retry-After", page(429, { "retry-after": "0" })],
    ["a 500 of the homeserver", json(500, { errcode: "M_UNKNOWN" })],
    ["a gateway's page", page(502)],
    ["a page with status 200", page(200)],
    ["a cut connection", cut],
    ["a truncated answer", truncated],
])("%s is tried again, and the second answer counts", async (_, fault) => {
    const { client, server } = await start([fault, done]);
    expect((await client.call(ask)).json).toEqual({ ok: true });
    expect(server.requests).toHaveLength(2);
});

test("nothing is asked again before the time that the server named", async () => {
    const { client } = await start([json(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 200 }), done]);
    const before = performance.now();
    await client.call(ask);
    expect(performance.now() - before).toBeGreaterThanOrEqual(198);
});

test.each<readonly [string, Step]>([
    ["429", json(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 60_000 })],
    ["503", page(503, { "retry-after": "60" })],
])(
    "after a %s nobody asks for the same before the time that it named, and for other things everybody may",
    async (_, refusal) => {
        const { client, server } = await start([refusal, done]);
        const refused = { problem: { retryAfterMs: expect.any(Number) } };
        await expect(client.call({ ...ask, attempts: 1 })).rejects.toMatchObject(refused);
        await expect(client.call({ ...ask, attempts: 1 })).rejects.toMatchObject(refused);
        await expect(client.bytes(ask)).rejects.toMatchObject(refused);
        await expect(client.call({ ...ask, limit: "ask for something else", attempts: 1 })).resolves.toMatchObject({
            json: { ok: true },
        });
        expect(server.requests).toHaveLength(2);
    },
);

test("an answer that does not come is given up after the time-out and asked for again", async () => {
    const { client, server } = await start([silence, done]);
    expect((await client.call({ ...ask, timeoutMs: 50 })).json).toEqual({ ok: true });
    expect(server.requests).toHaveLength(2);
});

test("an answer that begins and then hangs is a time-out, too", async () => {
    const hanging: Step = (_, response) => response.writeHead(200, { "content-type": "application/json" }).write("{");
    const { client } = await start([hanging]);
    await expect(client.call({ ...ask, timeoutMs: 50, attempts: 1 })).rejects.toMatchObject({
        problem: { kind: "unreachable", reason: "timeout" },
    });
});

test("an answer longer than the caller reads is refused while it comes", async () => {
    const { client } = await start([json(200, { filler: "x".repeat(10_000) })]);
    await expect(client.call({ ...ask, maxBytes: 1000 })).rejects.toMatchObject({ problem: { kind: "malformed" } });
});

test("when the attempts are used up, the last error is thrown", async () => {
    const { client, server } = await start([page(503)]);
    await expect(client.call({ ...ask, attempts: 3 })).rejects.toMatchObject({
        operation: "ask",
        problem: { kind: "server_error", status: 503 },
    });
    expect(server.requests).toHaveLength(3);
});

test("what is not Matrix eight times is not asked again, however many cut connections lie between", async () => {
    const { client, server } = await start(
        Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? page(200) : cut)),
    );
    await expect(client.call(ask)).rejects.toMatchObject({ problem: { kind: "not_matrix" } });
    expect(server.requests).toHaveLength(15);
});

test("a refusal is not asked again", async () => {
    const { client, server } = await start([json(403, { errcode: "M_FORBIDDEN", error: "You may not" })]);
    await expect(client.call(ask)).rejects.toThrow("ask: M_FORBIDDEN: You may not");
    expect(server.requests).toHaveLength(1);
});

test("a locked account is said at once where the attempts are counted", async () => {
    const { client, server } = await start([
        json(401, { errcode: "M_USER_LOCKED", error: "locked", soft_logout: true }),
    ]);
    await expect(client.call({ ...ask, attempts: 3 })).rejects.toMatchObject({ problem: { kind: "user_locked" } });
    expect(server.requests).toHaveLength(1);
});

test("a redirect is reported and not followed: it could carry the token away", async () => {
    const { client } = await start([page(301, { location: "http://127.0.0.1:1/" })]);
    await expect(client.call({ ...ask, attempts: 1 })).rejects.toThrow("it redirects to http://127.0.0.1:1/");
});

test("a closed port and an unknown name say so", async () => {
    const { client } = await start([done], { url: "http://127.0.0.1:1", attempts: 1 });
    await expect(client.call(ask)).rejects.toBeInstanceOf(HomeserverError);
    const nowhere = await start([done], { url: "http://homeserver.invalid", attempts: 1 });
    await expect(nowhere.client.call(ask)).rejects.toMatchObject({ problem: { kind: "unreachable", reason: "dns" } });
});

test.each<readonly [string, "shutdown" | "caller", Step]>([
    ["the bot stops while an answer is awaited", "shutdown", silence],
    [
        "the bot stops between two attempts",
        "shutdown",
        json(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 60_000 }),
    ],
    ["the caller gives up while an answer is awaited", "caller", silence],
    [
        "the caller gives up between two attempts",
        "caller",
        json(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 60_000 }),
    ],
])("%s: an AbortError at once", async (_, who, step) => {
    const abort = new AbortController();
    const seen = Promise.withResolvers<void>();
    const tell: Step = (request, response) => {
        step(request, response);
        seen.resolve();
    };
    const { client } = await start([tell], who === "shutdown" ? { signal: abort.signal } : {});
    const call = client.call(who === "caller" ? { ...ask, signal: abort.signal } : ask);
    await seen.promise;
    abort.abort(new Error("a reason of the caller's own"));
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
});

test("a call after the stop sends nothing", async () => {
    const { client, server } = await start([done], { signal: AbortSignal.abort() });
    await expect(client.call(ask)).rejects.toMatchObject({ name: "AbortError" });
    expect(server.requests).toHaveLength(0);
});

test("a soft logout renews the token once for all calls that met it, and repeats them", async () => {
    let renewals = 0;
    const byToken: Step = (request, response) => {
        const step = request.headers.authorization === "Bearer new" ? done : ended(true);
        step(request, response);
    };
    const renewToken = (): Promise<Secret> => {
        renewals++;
        return Promise.resolve(new Secret("new"));
    };
    const { client } = await start([byToken], { renewToken });
    const calls = await Promise.all([client.call(ask), client.call(ask), client.call(ask)]);
    expect(calls.map(({ json }) => json)).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
    expect(renewals).toBe(1);
});

test("a token that stays ended is renewed once per call, not for ever", async () => {
    const { client, server } = await start([ended(true)], { renewToken: () => Promise.resolve(new Secret("new")) });
    await expect(client.call(ask)).rejects.toMatchObject({ problem: { kind: "unknown_token", softLogout: true } });
    expect(server.requests).toHaveLength(2);
});

test("a hard logout renews nothing", async () => {
    const { client, server } = await start([ended(false)], {
        renewToken: () => Promise.reject(new Error("not to be called")),
    });
    await expect(client.call(ask)).rejects.toMatchObject({ problem: { kind: "unknown_token", softLogout: false } });
    expect(server.requests).toHaveLength(1);
});

test("neither the log nor an error shows the token or a body", async () => {
    const { client, log } = await start([
        json(500, { errcode: "M_UNKNOWN", error: "oops" }),
        json(400, { errcode: "M_BAD_JSON", error: "bad" }),
    ]);
    const output = [vi.spyOn(process.stdout, "write"), vi.spyOn(process.stderr, "write")];
    const error: unknown = await client
        .call({ ...ask, body: '{"password": "hunter2"}' })
        .catch((thrown: unknown) => thrown);
    const printed = output.flatMap((stream) => stream.mock.calls.map(([chunk]) => String(chunk)));
    for (const stream of output) stream.mockRestore();
    const everything = [log.text(), String(error), JSON.stringify(error), ...printed].join("\n");
    expect(everything).toContain("M_BAD_JSON");
    expect(everything).toContain("trying again");
    expect(everything).not.toMatch(/hunter2|syt_a_very/);
    expect(printed).toEqual([]);
});
