import * as fc from "fast-check";
import { expect, test } from "vitest";
import { MegolmSession } from "../testing/megolm.ts";
import { readSessionKey } from "./exported-session-key.ts";
import { normaliseRoomKey } from "./room-key-export.ts";

const key32 = "A".repeat(43);
const session = new MegolmSession();
const entry = {
    algorithm: "m.megolm.v1.aes-sha2",
    room_id: "!room:home",
    sender_key: key32,
    session_id: session.sessionId,
    session_key: session.exportedAt(5),
    sender_claimed_keys: { ed25519: key32 },
    forwarding_curve25519_key_chain: [],
};

test("an exported key says its index and the only session ID it can have", () => {
    expect(readSessionKey(session.exportedAt(5))).toEqual({ firstIndex: 5, sessionId: session.sessionId });
});

test.each([
    ["the sharing format with its signature", session.sharedAt(0)],
    ["another version", Buffer.alloc(165, 2).toString("base64")],
    ["a byte too few", Buffer.alloc(164, 1).toString("base64")],
    ["a byte too many", Buffer.alloc(166, 1).toString("base64")],
    ["no base64", "ü".repeat(220)],
    ["nothing", ""],
    ["megabytes", "A".repeat(5_000_000)],
])("%s is no exported session key", (_, text) => {
    expect(readSessionKey(text)).toBeUndefined();
});

test.each([
    [{ shared_history: true }, true],
    [{ shared_history: false }, false],
    [{ "m.shared_history": true }, true],
    [{ "m.shared_history": true, "org.matrix.msc3061.shared_history": true }, true],
    [{ "m.shared_history": true, shared_history: false }, false],
    [{ shared_history: 1, "m.shared_history": "yes", "org.matrix.msc3061.shared_history": null }, undefined],
    [{}, undefined],
])("the flag %j goes to the machine under one name, or not at all", (flags, expected) => {
    const flag = expected === undefined ? {} : { "org.matrix.msc3061.shared_history": expected };
    expect(normaliseRoomKey({ ...entry, ...flags })).toEqual({ entry: { ...entry, ...flag } });
});

test.each([
    ["another algorithm", { ...entry, algorithm: "m.olm.v1.curve25519-aes-sha2" }, "algorithm: invalid_value"],
    ["a room ID that is none", { ...entry, room_id: "room" }, "room_id: invalid_format"],
    ["an endless room ID", { ...entry, room_id: `!${"x".repeat(300)}` }, "room_id: too_big"],
    ["no sender key", { ...entry, sender_key: undefined }, "sender_key: invalid_type"],
    ["a session ID that is not the key's", { ...entry, session_id: key32 }, "session_id is not the one of session_key"],
    ["no session key", { ...entry, session_key: "AAAA" }, "session_key is not an exported Megolm session"],
    ["null", null, "not an object"],
    ["a list", [], "not an object"],
])("%s is refused with its reason", (_, input, reason) => {
    const result = normaliseRoomKey(input);
    expect("refused" in result && result.refused).toMatch(reason);
});

test("whatever is thrown at it, it answers, and never with two machine names", () => {
    const flag = fc.option(fc.oneof(fc.boolean(), fc.anything()), { nil: undefined });
    const flags = fc.record({
        shared_history: flag,
        "m.shared_history": flag,
        "org.matrix.msc3061.shared_history": flag,
    });
    fc.assert(
        fc.property(
            fc.oneof(
                fc.anything(),
                flags.map((more) => ({ ...entry, ...more })),
            ),
            (input) => {
                const result = normaliseRoomKey(input);
                return (
                    "refused" in result ||
                    (!Object.hasOwn(result.entry, "m.shared_history") && !Object.hasOwn(result.entry, "shared_history"))
                );
            },
        ),
    );
});
