import { expect, test } from "vitest";
import { redact } from "./redact.ts";

test("what has the name of a secret is not logged, at any depth and in any spelling", () => {
    const facts = {
        room: "!a:b",
        access_token: "hush",
        nested: { accessToken: "hush", list: [{ "session-key": "hush" }] },
        Authorization: "hush",
    };
    expect(JSON.stringify(redact(facts))).not.toContain("hush");
    expect(redact(facts)).toMatchObject({ room: "!a:b" });
});

test("an error is told by type, message, code and cause, without what a library hangs on it", () => {
    const error = Object.assign(new TypeError("fetch failed", { cause: new Error("refused") }), {
        code: "E",
        request: { headers: "hush" },
    });
    const { error: told } = redact({ error });
    expect(told).toMatchObject({
        type: "TypeError",
        message: "fetch failed",
        code: "E",
        cause: { message: "refused" },
    });
    expect(JSON.stringify(told)).not.toContain("hush");
});

test("circles, bytes and large numbers do not break a line", () => {
    const circle: Record<string, unknown> = { size: 1n, key: new Uint8Array(3) };
    circle["self"] = circle;
    expect(() => JSON.stringify(redact(circle))).not.toThrow();
});
