import { expect, test } from "vitest";
import { buildBundle, bundleEntry, type BundleRow } from "./bundle.ts";

const row = (sessionId: string, verdict: BundleRow["verdict"], senderKey = "alice"): BundleRow => ({
    roomId: "!room:home",
    sessionId,
    senderKey,
    verdict,
    entry: () => Buffer.from(JSON.stringify({ session_id: sessionId, sender_key: senderKey })),
});

test.each([
    ["an empty room", [], [], []],
    ["one of each", [row("1", "shareable"), row("2", "withheld"), row("3", "unknown")], ["1"], ["2"]],
    ["several", [row("1", "shareable"), row("2", "shareable"), row("3", "withheld")], ["1", "2"], ["3"]],
    ["a session of two senders stands once", [row("1", "shareable"), row("1", "shareable", "bob")], ["1"], []],
    ["two senders in dispute: the no wins", [row("1", "shareable"), row("1", "withheld", "bob")], [], ["1"]],
    ["two noes are one", [row("1", "withheld"), row("1", "withheld", "bob")], [], ["1"]],
] as const)("%s", (_, rows, shared, withheld) => {
    const bundle = buildBundle(rows);
    const json = JSON.parse(Buffer.from(bundle.json).toString()) as {
        room_keys: { session_id: string }[];
        withheld: { session_id: string }[];
    };
    expect(json.room_keys.map((key) => key.session_id)).toEqual(shared);
    expect(json.withheld.map((record) => record.session_id)).toEqual(withheld);
    expect([bundle.shared, bundle.withheld]).toEqual([shared.length, withheld.length]);
});

test("a withheld record says what m.room_key.withheld says", () => {
    const { json } = buildBundle([row("1", "withheld")]);
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
    const { json } = buildBundle([row("1", "shareable")]);
    expect(json.byteLength).toBe(json.buffer.byteLength);
});
