import fc from "fast-check";
import { expect, test } from "vitest";
import { isSignedBySession, parseMegolmMessage } from "./megolm-message.ts";

const sessionId = "s".repeat(43);
const message = (...head: readonly number[]): string =>
    Buffer.from([...head, ...Buffer.alloc(32, 0x12)]).toString("base64");
const event = { algorithm: "m.megolm.v1.aes-sha2", session_id: sessionId, ciphertext: message(3, 8, 5) };

test.each<[string, readonly number[], number | undefined]>([
    ["the first message", [3, 8, 0], 0],
    ["one byte", [3, 8, 127], 127],
    ["two bytes", [3, 8, 0x80 | 100, 2], 356],
    ["the highest index", [3, 8, 0xff, 0xff, 0xff, 0xff, 0x0f], 0xffff_ffff],
    ["one above it", [3, 8, 0x80, 0x80, 0x80, 0x80, 0x10], undefined],
    ["a number without end", [3, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], undefined],
    ["another version", [4, 8, 0], undefined],
    ["another field first", [3, 0x12, 0], undefined],
])("%s", (_, head, messageIndex) => {
    const parsed = parseMegolmMessage({ ...event, ciphertext: message(...head) });
    expect(parsed).toEqual(messageIndex === undefined ? undefined : { sessionId, messageIndex });
});

test.each<[string, object]>([
    ["redacted", { algorithm: undefined, session_id: undefined, ciphertext: undefined }],
    ["another algorithm", { algorithm: "m.olm.v1.curve25519-aes-sha2" }],
    ["a session ID that is none", { session_id: "short" }],
    ["a ciphertext for each device", { ciphertext: { device: "x" } }],
    ["a ciphertext without anything", { ciphertext: "" }],
])("%s: no message", (_, change) => {
    expect(parseMegolmMessage({ ...event, ...change })).toBeUndefined();
});

test("whatever stands there instead of a key, a message or a signature, is no signature, and no fault", () => {
    const key = fc
        .uint8Array({ minLength: 32, maxLength: 32 })
        .map((bytes) => Buffer.from(bytes).toString("base64").slice(0, 43));
    const ciphertext = fc.oneof(
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("base64")),
        fc.string(),
    );
    fc.assert(
        fc.property(key, ciphertext, (id, text) => {
            expect(isSignedBySession({ ...event, session_id: id, ciphertext: text })).toBe(false);
        }),
    );
});
