import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../config/index.ts";
import { connectHomeserver } from "./connect.ts";
import { collectingLog, cut, json, page, scriptedServer, type Step } from "./testing/scripted-server.ts";

const userId = "@bot/ж:example.org";
const password = new Secret("correct horse");

async function start(...steps: readonly Step[]): Promise<{
    readonly homeserver: ReturnType<typeof connectHomeserver>;
    readonly server: Awaited<ReturnType<typeof scriptedServer>>;
}> {
    const server = await scriptedServer(...steps);
    onTestFinished(() => server[Symbol.asyncDispose]());
    const options = {
        url: server.url,
        userId,
        signal: new AbortController().signal,
        log: collectingLog(),
        random: () => 0,
        pace: { first: 0, longest: 0 },
    };
    return { homeserver: connectHomeserver(options), server };
}

const notFound = json(404, { errcode: "M_NOT_FOUND", error: "none" });
const unrecognized = json(404, { errcode: "M_UNRECOGNIZED", error: "what?" });

test("something that is no homeserver is told after three looks", async () => {
    const { homeserver, server } = await start(page(200));
    await expect(homeserver.versions()).rejects.toMatchObject({ problem: { kind: "not_matrix" } });
    expect(server.requests).toHaveLength(3);
});

test("a homeserver that is away, however long, is waited for before anything is said about it", async () => {
    const away = Array.from({ length: 20 }, () => cut);
    const { homeserver } = await start(page(200), ...away, page(502), page(200), json(200, { versions: ["v1.19"] }));
    expect(await homeserver.versions()).toEqual(["v1.19"]);
});

test("JSON without versions is no homeserver's answer", async () => {
    const { homeserver } = await start(json(200, { hello: "world" }));
    await expect(homeserver.versions()).rejects.toMatchObject({ problem: { kind: "malformed" } });
});

test("login sends user, password and device, and later calls carry the new token", async () => {
    const { homeserver, server } = await start(
        json(200, { user_id: userId, access_token: "new", device_id: "DEV" }),
        json(200, { user_id: userId, device_id: "DEV" }),
    );
    const login = await homeserver.login(password, "DEV");
    expect(login.accessToken.reveal()).toBe("new");
    expect(await homeserver.whoami()).toEqual({ userId, deviceId: "DEV" });
    const [first, second] = server.requests;
    expect(JSON.parse(first?.body ?? "")).toMatchObject({
        type: "m.login.password",
        identifier: { type: "m.id.user", user: userId },
        password: "correct horse",
        device_id: "DEV",
    });
    expect(second?.headers.authorization).toBe("Bearer new");
});

const uia = json(401, {
    flows: [{ stages: ["m.login.sso"] }, { stages: ["m.login.password"] }],
    session: "sess",
    params: {},
});
const signingKeys = '{"master_key": {"usage": ["master"]}}';

test("publishing cross-signing keys answers the authentication by password, in the session asked for", async () => {
    const { homeserver, server } = await start(uia, json(200, {}));
    await homeserver.signingKeysUpload(signingKeys, password);
    expect(JSON.parse(server.requests[1]?.body ?? "")).toEqual({
        master_key: { usage: ["master"] },
        auth: {
            type: "m.login.password",
            identifier: { type: "m.id.user", user: userId },
            password: "correct horse",
            session: "sess",
        },
    });
});

test.each<readonly [string, readonly Step[], Secret | undefined, string]>([
    ["without a password the server's demand is the answer", [uia], undefined, "auth_required"],
    [
        "a flow without a password cannot be answered",
        [json(401, { flows: [{ stages: ["m.login.sso"] }], session: "s" })],
        password,
        "auth_required",
    ],
    [
        "a password that is not accepted is forbidden",
        [uia, json(401, { flows: [], session: "s", errcode: "M_FORBIDDEN" })],
        password,
        "forbidden",
    ],
])("%s", async (_, steps, given, kind) => {
    const { homeserver } = await start(...steps);
    await expect(homeserver.signingKeysUpload(signingKeys, given)).rejects.toMatchObject({ problem: { kind } });
});

test("identifiers with reserved characters stay one segment each", async () => {
    const { homeserver, server } = await start(json(200, { event_id: "$e" }));
    await homeserver.putMember("!r/../x:example.org", "@a?b#c:example.org", { membership: "invite" });
    expect(server.requests[0]?.url).toBe(
        "/_matrix/client/v3/rooms/!r%2F..%2Fx%3Aexample.org/state/m.room.member/%40a%3Fb%23c%3Aexample.org",
    );
});

test("another user's membership is written once, whatever the fault: what was read before has to be read again", async () => {
    const { homeserver, server } = await start(
        json(429, { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 0 }),
        cut,
        json(200, { event_id: "$e" }),
    );
    const invite = (): Promise<string> => homeserver.putMember("!r:x", "@u:x", { membership: "invite" });
    await expect(invite()).rejects.toMatchObject({ problem: { kind: "rate_limited", retryAfterMs: 0 } });
    await expect(invite()).rejects.toMatchObject({ problem: { kind: "unreachable" } });
    expect(await invite()).toBe("$e");
    expect(server.requests).toHaveLength(3);
});

const member = {
    type: "m.room.member",
    state_key: "@u:x",
    event_id: "$e",
    sender: "@a:x",
    content: { membership: "invite" },
};

test.each<readonly [string, readonly Step[], unknown]>([
    ["in full, where the server knows format=event", [json(200, member)], member],
    [
        "from the whole state, where it answers the bare content",
        [json(200, member.content), json(200, [{ ...member, state_key: "@o:x" }, 7, member])],
        member,
    ],
    ["as absent from the whole state", [json(200, member.content), json(200, [])], undefined],
])("a member event is read %s", async (_, steps, expected) => {
    const { homeserver } = await start(...steps);
    expect(await homeserver.memberEvent("!r:x", "@u:x")).toEqual(expected);
});

test("a member event that the server says not to have is a refusal: a withdrawn invite leaves one", async () => {
    const { homeserver } = await start(notFound);
    await expect(homeserver.memberEvent("!r:x", "@u:x")).rejects.toMatchObject({ problem: { kind: "not_found" } });
});

test.each<readonly [string, readonly Step[], number | undefined]>([
    ["is read from the newest path", [json(200, { "m.upload.size": 1000 })], 1000],
    [
        "is read from the older path, where the newest is unknown",
        [unrecognized, json(200, { "m.upload.size": 1000 })],
        1000,
    ],
    ["may be unsaid", [json(200, {})], undefined],
    ["may be nonsense", [json(200, { "m.upload.size": "lots" })], undefined],
    ["is unsaid by a server that knows neither path", [page(404)], undefined],
])("the upload limit %s", async (_, steps, expected) => {
    const { homeserver } = await start(...steps);
    expect(await homeserver.uploadLimit()).toBe(expected);
});

test("an upload whose answer was lost is repeated, and 'already there' means done", async () => {
    const { homeserver, server } = await start(
        json(200, { content_uri: "mxc://x/abc" }),
        cut,
        json(409, { errcode: "M_CANNOT_OVERWRITE_MEDIA", error: "" }),
    );
    const mxc = await homeserver.createMedia();
    await homeserver.putMedia(mxc, [Buffer.from("cipher"), Buffer.from("text")]);
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
        "POST /_matrix/media/v1/create",
        "PUT /_matrix/media/v3/upload/x/abc",
        "PUT /_matrix/media/v3/upload/x/abc",
    ]);
});

const file = (bytes: number, sized: boolean): Step => {
    return (_, response) => {
        if (sized) response.setHeader("content-length", bytes);
        response.writeHead(200, { "content-type": "application/octet-stream" });
        response.end(Buffer.alloc(bytes, 0xff));
    };
};

/** How often the head alone, and then the whole answer, is asked for at the newest path and at the older one. */
test.each<readonly [string, readonly Step[], boolean, readonly string[]]>([
    ["is there", [json(200, {})], true, ["HEAD v1"]],
    ["is there on an old server", [unrecognized, unrecognized, json(200, {})], true, ["HEAD v1", "GET v1", "HEAD v3"]],
    [
        "is there on an old server that says no by a page",
        [page(404), page(404), json(200, {})],
        true,
        ["HEAD v1", "GET v1", "HEAD v3"],
    ],
    ["is there, only not for who asks for its head", [page(405), file(70_000, true)], true, ["HEAD v1", "GET v1"]],
    ["is gone", [notFound], false, ["HEAD v1", "GET v1"]],
    ["was never uploaded", [json(504, { errcode: "M_NOT_YET_UPLOADED" })], false, ["HEAD v1", "GET v1"]],
])("a medium %s", async (_, steps, exists, asked) => {
    const { homeserver, server } = await start(...steps);
    expect(await homeserver.mediaExists("mxc://x/abc")).toBe(exists);
    const places = { v1: "/_matrix/client/v1/media/download", v3: "/_matrix/media/v3/download" } as const;
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(
        asked.map((request) => {
            const [method = "", version] = request.split(" ");
            return `${method} ${places[version === "v1" ? "v1" : "v3"]}/x/abc?timeout_ms=0&allow_redirect=false`;
        }),
    );
});

test.each([
    ["a homeserver in trouble", json(500, { errcode: "M_UNKNOWN" }), { kind: "server_error" }],
    [
        "a homeserver that restarts",
        json(503, {}, { "retry-after": "7" }),
        { kind: "server_error", retryAfterMs: 7_000 },
    ],
    ["a gateway that waits in vain", page(504), { kind: "server_error", status: 504 }],
    [
        "a rate limit",
        json(429, { errcode: "M_LIMIT_EXCEEDED" }, { "retry-after": "9" }),
        { kind: "rate_limited", retryAfterMs: 9_000 },
    ],
    ["a refusal", json(403, { errcode: "M_FORBIDDEN", error: "" }), { kind: "forbidden" }],
    ["an ended token", json(401, { errcode: "M_UNKNOWN_TOKEN", error: "" }), { kind: "unknown_token" }],
    ["a page that something before the homeserver wrote", page(404), { kind: "not_matrix" }],
])("%s says nothing of whether a medium is there", async (_, step, problem) => {
    const { homeserver } = await start(step);
    await expect(homeserver.mediaExists("mxc://x/abc")).rejects.toMatchObject({ problem });
});

test.each<readonly [string, readonly Step[], object, number]>([
    ["is there", [file(100, true)], { byteLength: 100 }, 1],
    ["is there on an old server", [unrecognized, file(100, false)], { byteLength: 100 }, 2],
    ["says to be too large", [file(101, true)], { problem: { kind: "too_large" } }, 1],
    ["is too large", [file(1_000_000, false)], { problem: { kind: "too_large" } }, 1],
    ["is gone", [notFound, notFound], { problem: { kind: "not_found" } }, 2],
    ["is on a server that is away", [page(502)], { problem: { kind: "server_error" } }, 1],
])("a medium to download that %s", async (_, steps, expected, asked) => {
    const { homeserver, server } = await start(...steps);
    const outcome: unknown = await homeserver.getMedia("mxc://x/abc", 100).catch((error: unknown) => error);
    expect(outcome).toMatchObject(expected);
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(
        [
            "GET /_matrix/client/v1/media/download/x/abc?allow_redirect=false",
            "GET /_matrix/media/v3/download/x/abc?allow_redirect=false",
        ].slice(0, asked),
    );
});

test("a server without reserved uploads says so", async () => {
    const { homeserver } = await start(unrecognized);
    await expect(homeserver.createMedia()).rejects.toThrow("create_media: the homeserver does not know this endpoint");
});

test.each(["mxc://x/../y", "mxc://../y", "mxc://x", "https://x/y", "mxc://x/a/b"])(
    "%s is no media URI to upload to",
    async (mxc) => {
        const { homeserver, server } = await start(json(200, {}));
        await expect(homeserver.putMedia(mxc, [Buffer.from("x")])).rejects.toMatchObject({
            problem: { kind: "malformed" },
        });
        expect(server.requests).toHaveLength(0);
    },
);

test("a sync is one attempt, with the token, the filter and the poll's time in its query", async () => {
    const { homeserver, server } = await start(page(502), json(200, { next_batch: "s1" }));
    const options = { since: "s0&x", timeoutMs: 30_000, filter: '{"room":{}}', signal: new AbortController().signal };
    await expect(homeserver.sync(options)).rejects.toMatchObject({ problem: { kind: "server_error" } });
    expect(await homeserver.sync(options)).toEqual({ next_batch: "s1" });
    const query = new URL(server.requests[1]?.url ?? "", server.url).searchParams;
    expect(Object.fromEntries(query)).toEqual({ timeout: "30000", filter: '{"room":{}}', since: "s0&x" });
});

test("a join names its servers in both spellings", async () => {
    const { homeserver, server } = await start(json(200, { room_id: "!r:x" }));
    await homeserver.join("!r:x", ["a.example", "b.example"]);
    const query = new URL(server.requests[0]?.url ?? "", server.url).searchParams;
    expect(query.getAll("via")).toEqual(["a.example", "b.example"]);
    expect(query.getAll("server_name")).toEqual(["a.example", "b.example"]);
});

test("absent account data is undefined, not an error", async () => {
    const { homeserver } = await start(notFound);
    expect(await homeserver.accountData(userId, "m.secret_storage.default_key")).toBeUndefined();
});

test.each([
    ["keysQuery", '{"device_keys":{}}', "[]"],
    ["keysQuery", '{"device_keys":{}}', '{"device_keys":[]}'],
    ["keysClaim", '{"one_time_keys":{}}', "{}"],
    ["keysUpload", "{}", '{"one_time_key_counts":"many"}'],
] as const)(
    "an answer to %s that nobody could read is the homeserver's error: %s %s",
    async (operation, asked, answer) => {
        const { homeserver } = await start(json(200, JSON.parse(answer)));
        await expect(homeserver[operation](asked)).rejects.toMatchObject({
            name: "HomeserverError",
            problem: { kind: "malformed" },
        });
    },
);

test("a page of a room's past: newest first, from and to where it is said, once", async () => {
    const { homeserver, server } = await start(
        json(200, { chunk: [{ type: "a" }, 5], start: "t9", end: "t8" }),
        json(200, { chunk: [] }),
        page(502),
    );
    const asked = { from: "t9", to: "s1", limit: 100, filter: '{"types":[]}', signal: new AbortController().signal };
    expect(await homeserver.messages("!r/1:home", asked)).toEqual({ events: [{ type: "a" }, 5], end: "t8" });
    expect(await homeserver.messages("!r:home", { ...asked, from: undefined, to: undefined })).toEqual({
        events: [],
        end: undefined,
    });
    await expect(homeserver.messages("!r:home", asked)).rejects.toMatchObject({ problem: { kind: "server_error" } });
    const base = "/_matrix/client/v3/rooms";
    expect(server.requests.map(({ url }) => url)).toEqual([
        `${base}/!r%2F1%3Ahome/messages?dir=b&limit=100&filter=%7B%22types%22%3A%5B%5D%7D&from=t9&to=s1`,
        `${base}/!r%3Ahome/messages?dir=b&limit=100&filter=%7B%22types%22%3A%5B%5D%7D`,
        expect.stringContaining("from=t9"),
    ]);
});

test.each<[string, object]>([
    ["without a chunk", { end: "t8" }],
    ["with a chunk that is no list", { chunk: {} }],
    ["with an end that is no token", { chunk: [], end: 8 }],
])("a page %s is malformed", async (_, answer) => {
    const { homeserver } = await start(json(200, answer));
    const asked = { from: "t9", to: undefined, limit: 100, filter: "{}", signal: new AbortController().signal };
    await expect(homeserver.messages("!r:home", asked)).rejects.toMatchObject({ problem: { kind: "malformed" } });
});

test.each([
    [200, {}, true],
    [403, { errcode: "M_FORBIDDEN", error: "profiles are private" }, true],
    [502, { errcode: "M_UNKNOWN", error: "Failed to fetch profile" }, true],
    [404, { errcode: "M_UNRECOGNIZED", error: "no such endpoint" }, true],
    [404, { errcode: "M_NOT_FOUND", error: "Profile was not found" }, false],
    [404, { errcode: "M_UNKNOWN", error: "No row found (profiles)" }, false],
])("a profile that is answered by %d %j: somebody has the name: %s", async (status, body, exists) => {
    const { homeserver, server } = await start(json(status, body));
    expect(await homeserver.hasAccount("@charlie:x")).toBe(exists);
    expect(server.requests.map(({ url }) => url)).toEqual(["/_matrix/client/v3/profile/%40charlie%3Ax"]);
});

test("a homeserver that does not answer has said nothing of the name", async () => {
    const { homeserver } = await start(cut);
    await expect(homeserver.hasAccount("@charlie:x")).rejects.toMatchObject({ problem: { kind: "unreachable" } });
});
