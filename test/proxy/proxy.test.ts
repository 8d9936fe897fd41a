import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Fault, Proxy } from "./index.ts";

/** A homeserver that remembers what reached it and says so. */
const reached: string[] = [];
const server = createServer((from, to) => {
    void text(from).then((body) => {
        reached.push(`${from.method} ${from.url} ${body}`);
        to.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ seen: reached.length }));
    });
});
let proxy: Proxy;

beforeEach(async () => {
    reached.length = 0;
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    proxy = await Proxy.open(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`);
});

afterEach(async () => {
    await proxy[Symbol.asyncDispose]();
    server.closeAllConnections();
    await once(server.close(), "close");
});

async function ask(): Promise<{ readonly status: number; readonly body: string } | "broken"> {
    try {
        const response = await fetch(`${proxy.url}/_matrix/client/v3/keys/claim?x=1`, {
            method: "POST",
            body: "a body",
        });
        return { status: response.status, body: await response.text() };
    } catch {
        return "broken";
    }
}

const slow = { status: 429, body: { errcode: "M_LIMIT_EXCEEDED" } };
const page = { status: 502, body: "<html>bad gateway</html>" };
const slowed = { status: 429, body: '{"errcode":"M_LIMIT_EXCEEDED"}' };

const rewritten = { status: 200, body: '{"seen":1,"also":{}}' };

test.each<[string, Fault | undefined, number, unknown]>([
    ["no fault", undefined, 1, { status: 200, body: '{"seen":1}' }],
    ["an answer in the homeserver's stead", { kind: "answer_instead", answer: slow }, 0, slowed],
    [
        "a page in the homeserver's stead",
        { kind: "answer_instead", answer: page },
        0,
        { status: 502, body: "<html>bad gateway</html>" },
    ],
    ["a break before", { kind: "break_before" }, 0, "broken"],
    ["a break after", { kind: "break_after" }, 1, "broken"],
    ["another answer after", { kind: "answer_after", answer: slow }, 1, slowed],
    ["another word in the answer", { kind: "rewrite", rewrite: (answer) => ({ ...answer, also: {} }) }, 1, rewritten],
    ["half an answer", { kind: "truncate_after" }, 1, { status: 200, body: '{"see' }],
    ["a delay", { kind: "delay", ms: 1 }, 1, { status: 200, body: '{"seen":1}' }],
    ["a repetition", { kind: "repeat" }, 2, { status: 200, body: '{"seen":2}' }],
])("%s", async (_, fault, times, answer) => {
    proxy.script = () => fault;
    expect(await ask()).toEqual(answer);
    expect(reached).toEqual(Array.from({ length: times }, () => "POST /_matrix/client/v3/keys/claim?x=1 a body"));
    expect(proxy.exchanges).toMatchObject([{ number: 1, endpoint: "POST /keys/claim", body: Buffer.from("a body") }]);
    expect(proxy.exchanges[0]?.answered?.status).toBe(times > 0 ? 200 : undefined);
});

test("what happens after the homeserver acted happens before the connection breaks", async () => {
    const order: string[] = [];
    proxy.script = () => ({ kind: "break_after", happens: () => order.push(`after ${reached.length}`) });
    expect(await ask()).toBe("broken");
    expect(order).toEqual(["after 1"]);
});
