import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { parseDuration } from "./duration.ts";
import { isPlaceholder } from "./placeholders.ts";
import { decodeRecoveryKey } from "../matrix/index.ts";
import { sharingPolicy, type SharingSettings } from "./settings.ts";
import { closest, editDistance } from "./suggest.ts";

test.each([
    ["90s", 90_000],
    ["15m", 900_000],
    ["12h", 43_200_000],
    ["30d", 2_592_000_000],
    ["2w", 1_209_600_000],
    ["0s", undefined],
    ["-1s", undefined],
    ["1.5h", undefined],
    ["30", undefined],
    ["d", undefined],
    ["30D", undefined],
    ["9999999999d", undefined],
])("a duration: %s", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

test.each([
    ["", "", 0],
    ["mode", "mode", 0],
    ["mode", "mod", 1],
    ["mode", "moed", 1],
    ["mode", "nodes", 2],
    ["", "abc", 3],
])("from %j to %j it is %i", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
});

test("a suggestion is close, or there is none", () => {
    const names = ["mode", "reinvite", "trusted_servers"];
    expect(closest("trusted-server", names)).toBe("trusted_servers");
    expect(closest("Reinvites", names)).toBe("reinvite");
    expect(closest("visibility", names)).toBeUndefined();
    expect(closest("x".repeat(100_000), names)).toBeUndefined();
});

test.each([
    "changeme",
    "CHANGE-ME!",
    "<password>",
    "your-token",
    "xxxx",
    "...",
    "@bot:example.org",
    "https://example.com/x",
    "https://matrix.example.net:8448",
])("%s is a placeholder", (value) => expect(isPlaceholder(value)).toBe(true));

test.each([
    "change the world",
    "xx",
    "@bot:example.organic",
    "https://notexample.org",
    "https://example.org.real.test",
    "a<b>c",
])("%s is not", (value) => expect(isPlaceholder(value)).toBe(false));

const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

function recoveryKey(key: Uint8Array, [first, second]: readonly [number, number] = [0x8b, 0x01]): string {
    const body = [first, second, ...key];
    const bytes = [...body, body.reduce((sum, byte) => sum ^ byte, 0)];
    let value = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
    let text = "";
    for (; value > 0n; value /= 58n) text = `${alphabet[Number(value % 58n)]}${text}`;
    return text.replaceAll(/.{4}/g, "$& ").trim();
}

test("a recovery key is known by its prefix, length and parity", () => {
    const right = recoveryKey(randomBytes(32));
    expect(decodeRecoveryKey(right)).toBeDefined();
    expect(decodeRecoveryKey(right.replaceAll(" ", ""))).toBeDefined();
    const at = right.length - 1;
    expect(decodeRecoveryKey(right.slice(0, at) + (right[at] === "A" ? "B" : "A"))).toBeUndefined();
    expect(decodeRecoveryKey(recoveryKey(randomBytes(31)))).toBeUndefined();
    expect(decodeRecoveryKey(recoveryKey(randomBytes(32), [0x8b, 0x02]))).toBeUndefined();
    expect(decodeRecoveryKey("0OIl")).toBeUndefined();
});

const sharing: SharingSettings = {
    mode: "automatic",
    reinvite: "always",
    reinvite_thresholds: { proven: 95, likely: 70 },
    reinvite_pace: "polite",
    trusted_servers: ["hs"],
    other_bots: [],
    max_invitees_per_hour: 50,
    max_sessions: 100,
    max_age: 1_000,
};

test.each<[string, Parameters<typeof sharingPolicy>[0]["rooms"], string, Partial<SharingSettings>]>([
    ["a room without a word of its own", {}, "!a:hs", {}],
    [
        "what a room says counts, the rest stays",
        { "!a:hs": { mode: "off", max_sessions: 1 } },
        "!a:hs",
        { mode: "off", max_sessions: 1 },
    ],
    ["another room is not touched", { "!b:hs": { mode: "off" } }, "!a:hs", {}],
    ["a room can lift a limit", { "!a:hs": { max_age: null } }, "!a:hs", { max_age: null }],
    [
        "one threshold of a room counts, and the other stays",
        { "!a:hs": { reinvite_thresholds: { likely: 50.5 } } },
        "!a:hs",
        { reinvite_thresholds: { proven: 95, likely: 50.5 } },
    ],
    ["an empty list is a value", { "!a:hs": { trusted_servers: [] } }, "!a:hs", { trusted_servers: [] }],
    ["a room named like something of a prototype", {}, "constructor", {}],
])("the policy of %s", (_, rooms, roomId, changes) => {
    expect(sharingPolicy({ sharing, rooms }, roomId)).toEqual({ ...sharing, ...changes });
});
