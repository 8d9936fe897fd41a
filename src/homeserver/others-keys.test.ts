import { expect, onTestFinished, test } from "vitest";
import { connectHomeserver } from "./connect.ts";
import { collectingLog, json, scriptedServer, type Step } from "./testing/scripted-server.ts";

const userId = "@bot:home";

async function start(...steps: readonly Step[]) {
    const server = await scriptedServer(...steps);
    onTestFinished(() => server[Symbol.asyncDispose]());
    const log = collectingLog();
    const options = {
        url: server.url,
        userId,
        signal: new AbortController().signal,
        log,
        random: () => 0,
        pace: { first: 0, longest: 0 },
    };
    return { homeserver: connectHomeserver(options), server, log };
}

const asking = (...users: readonly string[]): string =>
    JSON.stringify({ device_keys: Object.fromEntries(users.map((user) => [user, []])), timeout: 7 });
const failuresOf = (text: string): unknown => (JSON.parse(text) as { readonly failures: unknown }).failures;

test("a part that is malformed is its user's failure, and the log says whose in one line, and nothing of what it was", async () => {
    const evil = "@evil\u001b[31m:far";
    const { homeserver, log } = await start(json(200, { device_keys: { "@alice:home": {}, [evil]: "the content" } }));
    const text = await homeserver.keysQuery(asking("@alice:home", evil));
    expect(JSON.parse(text)).toMatchObject({
        device_keys: { "@alice:home": {} },
        failures: { [evil]: { fault: "malformed" } },
    });
    expect(log.text().split("\n")).toHaveLength(1);
    expect(log.text()).toContain("@evil\ufffd[31m:far");
    expect(log.text()).not.toContain("the content");
});

test("however many parts are malformed, the line names a few", async () => {
    const users = Array.from({ length: 500 }, (_, index) => `@evil${index}:far`);
    const { homeserver, log } = await start(
        json(200, { device_keys: Object.fromEntries(users.map((user) => [user, 5])) }),
    );
    await homeserver.keysQuery(asking(...users));
    expect(log.text()).toContain('"count":500');
    expect(log.text().length).toBeLessThan(1_000);
});

test("an honest answer is no news for the log", async () => {
    const { homeserver, log } = await start(json(200, { device_keys: { "@alice:home": {} }, failures: { far: {} } }));
    expect(failuresOf(await homeserver.keysQuery(asking("@alice:home", "@dora:far")))).toEqual({ far: {} });
    expect(log.text()).toBe("");
});

/** A homeserver that hands on what each is said to have, and of Mallory nine megabytes. */
const flooded: Step = (request, response) => {
    const { device_keys: asked } = JSON.parse(request.body) as { readonly device_keys: object };
    const entries = Object.keys(asked).map((user) => [
        user,
        user === "@mallory:evil" ? { X: "x".repeat(9 * 1024 * 1024) } : {},
    ]);
    json(200, { device_keys: Object.fromEntries(entries) })(request, response);
};

test("an answer without end is the failure of whose it is: the others are asked for without them", async () => {
    const { homeserver, server } = await start(flooded);
    const users = ["@a:home", "@b:home", "@mallory:evil", "@c:home", "@d:home"];
    const answer = JSON.parse(await homeserver.keysQuery(asking(...users))) as {
        readonly device_keys: object;
        readonly failures: object;
    };
    expect(Object.keys(answer.device_keys).toSorted()).toEqual(["@a:home", "@b:home", "@c:home", "@d:home"]);
    expect(answer.failures).toEqual({ "@mallory:evil": { fault: "too_much" } });
    expect(server.requests.length).toBeLessThan(8);
    for (const { body } of server.requests) expect(JSON.parse(body)).toMatchObject({ timeout: 7 });
});

test("a malformed one-time key costs nobody else theirs", async () => {
    const key = { key: "k", signatures: { "@alice:home": { "ed25519:PHONE": "s" } } };
    const ofAlice = { PHONE: { "signed_curve25519:A": key } };
    const { homeserver } = await start(
        json(200, {
            one_time_keys: { "@alice:home": ofAlice, "@mallory:evil": { PHONE: { withoutColon: key } } },
            failures: {},
        }),
    );
    const asked = { "@alice:home": { PHONE: "signed_curve25519" }, "@mallory:evil": { PHONE: "signed_curve25519" } };
    expect(JSON.parse(await homeserver.keysClaim(JSON.stringify({ one_time_keys: asked })))).toMatchObject({
        one_time_keys: { "@alice:home": ofAlice },
        failures: { "@mallory:evil": { fault: "malformed" } },
    });
});
