import { expect, test } from "vitest";
import { buildBundle, bundleEntry } from "./bundle.ts";

const open = (sessionId: string, senderKey = "alice") => ({
    sessionId,
    entry: () => Buffer.from(JSON.stringify({ session_id: sessionId, sender_key: senderKey })),
});
const closed = (sessionId: string, senderKey = "alice") => ({ roomId: "!room:home", sessionId, senderKey });

test.each([
    ["an empty room", [], [], [], []],
    ["one of each", [open("1")], [closed("2")], ["1"], ["2"]],
    ["several", [open("1"), open("2")], [closed("3"), closed("4")], ["1", "2"], ["3", "4"]],
    ["a session of two senders stands once", [open("1"), open("1", "bob")], [], ["1"], []],
    ["two senders in dispute: the no wins", [open("1")], [closed("1", "bob")], [], ["1"]],
    ["two noes are one", [], [closed("1"), closed("1", "bob")], [], ["1"]],
] as const)("%s", (_, shareable, closedOnes, shared, withheld) => {
    const bundle = buildBundle(closedOnes, shareable);
    const json = JSON.parse(Buffer.from(bundle.json).toString()) as {
        room_keys: { session_id: string }[];
        withheld: { session_id: string }[];
    };
    expect(json.room_keys.map((key) => key.session_id)).toEqual(shared);
    expect(json.withheld.map((record) => record.session_id)).toEqual(withheld);
    expect([bundle.shared, bundle.withheld]).toEqual([shared.length, withheld.length]);
});

test("a withheld record says what m.room_key.withheld says", () => {
    const { json } = buildBundle([closed("1")], []);
    expect(JSON.parse(Buffer.from(json).toString())).toEqual({
        room_keys: [],
        withheld: [
            {
                algorithm: "m.megolm.v1.aes-sha2",
                code: "m.history_not_shared",
                reason: "The sender disabled sharing encrypted history.",
                room_id: "!room:home",
                sender_key: "alice",
                session_id: "1",
            },
        ],
    });
});

test("an entry has the six fields of the specification and no other", () => {
    const entry = { algorithm: "a", room_id: "r", sender_claimed_keys: {}, sender_key: "k", session_id: "i", session_key: "s" };
    const noisy = { ...entry, forwarding_curve25519_key_chain: [], "m.shared_history": true };
    expect(bundleEntry(noisy)).toEqual(entry);
});

test("the bundle owns its buffer whole, so that it can be handed to another thread", () => {
    const { json } = buildBundle([], [open("1")]);
    expect(json.byteLength).toBe(json.buffer.byteLength);
});
