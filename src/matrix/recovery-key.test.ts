import { randomBytes } from "node:crypto";
import {
    decodeRecoveryKey as peerDecode,
    encodeRecoveryKey as peerEncode,
} from "matrix-js-sdk/lib/crypto-api/recovery-key.js";
import { expect, test } from "vitest";
import { decodeRecoveryKey, encodeRecoveryKey } from "./recovery-key.ts";

const key = Buffer.from("77076d0a7318a57d3c16c17251b26645df4cd8b5f26d8cd8ac0a1a1f3e5e5d2a", "hex");

test("encodes as matrix-js-sdk does, for keys of every shape", () => {
    for (const bytes of [
        key,
        Buffer.alloc(32),
        Buffer.alloc(32, 0xff),
        ...Array.from({ length: 50 }, () => randomBytes(32)),
    ]) {
        const text = encodeRecoveryKey(bytes);
        expect(text).toBe(peerEncode(Uint8Array.from(bytes)));
        expect(text).toMatch(/^([1-9A-Za-z]{4} ){11}[1-9A-Za-z]{4}$/);
        expect(Buffer.from(decodeRecoveryKey(text) ?? [])).toEqual(Buffer.from(bytes));
        expect(Buffer.from(peerDecode(text))).toEqual(Buffer.from(bytes));
    }
});

test("spaces and line ends do not matter", () => {
    const text = encodeRecoveryKey(key);
    expect(decodeRecoveryKey(`\t${text.replaceAll(" ", "")}\n`)).toEqual(decodeRecoveryKey(text));
});

test("one wrong, missing or surplus character is noticed", () => {
    const text = encodeRecoveryKey(key).replaceAll(" ", "");
    for (let index = 0; index < text.length; index++) {
        const other = text[index] === "a" ? "b" : "a";
        const [before, after] = [text.slice(0, index), text.slice(index + 1)];
        expect([undefined, ...peerOrNothing(before + other + after)]).toContainEqual(
            decodeRecoveryKey(before + other + after),
        );
        expect(decodeRecoveryKey(before + after)).toBeUndefined();
        expect(decodeRecoveryKey(`${before}0${after}`)).toBeUndefined();
    }
    expect(decodeRecoveryKey("")).toBeUndefined();
    expect(decodeRecoveryKey("z".repeat(48))).toBeUndefined();
});

/** One parity byte lets one in 256 wrong characters pass, for everybody. */
function peerOrNothing(text: string): readonly Uint8Array[] {
    try {
        return [Uint8Array.from(peerDecode(text))];
    } catch {
        return [];
    }
}
