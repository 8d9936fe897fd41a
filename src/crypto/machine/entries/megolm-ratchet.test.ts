import { createHmac, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { MegolmSession } from "../testing/megolm.ts";
import { unpadded } from "./exported-session-key.ts";
import { hashesBetween, leadsTo } from "./megolm-ratchet.ts";

/** A session's exported key at each of these indices, by single steps as the specification writes them. */
function keysAt(...indices: readonly number[]): readonly string[] {
    const id = randomBytes(32);
    const parts: Buffer[] = [0, 1, 2, 3].map(() => randomBytes(32));
    const hash = (from: number, to: number): Buffer =>
        createHmac("sha256", parts[from] ?? Buffer.alloc(0))
            .update(Buffer.of(to))
            .digest();
    const keys: string[] = [];
    for (let index = 0, wanted = 0; wanted < indices.length; index++) {
        if (index > 0) {
            const highest = index % 2 ** 24 === 0 ? 0 : index % 2 ** 16 === 0 ? 1 : index % 2 ** 8 === 0 ? 2 : 3;
            for (const part of [3, 2, 1, 0].filter((below) => below >= highest)) parts[part] = hash(highest, part);
        }
        if (index !== indices[wanted]) continue;
        const counter = Buffer.alloc(4);
        counter.writeUInt32BE(index);
        keys.push(unpadded(Buffer.concat([Buffer.of(1), counter, ...parts, id])));
        wanted++;
    }
    return keys;
}

test("each key of a session leads to every later one, across the steps of all parts, and to no earlier one", () => {
    const keys = keysAt(0, 1, 7, 255, 256, 257, 511, 513, 65_535, 65_536, 65_900, 131_073);
    for (const [at, key] of keys.entries())
        for (const [other, candidate] of keys.entries())
            expect([at, other, leadsTo(key, candidate)]).toEqual([at, other, other >= at]);
});

test("what is made up, of another session or no key at all leads nowhere", () => {
    const [session, another] = [new MegolmSession(), new MegolmSession()];
    const real = Buffer.from(session.exportedAt(5), "base64");
    const madeUp = Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), randomBytes(128), real.subarray(-32)]);
    expect(leadsTo(session.exportedAt(3), session.exportedAt(5))).toBe(true);
    expect(leadsTo(unpadded(madeUp), session.exportedAt(5))).toBe(false);
    expect(leadsTo(another.exportedAt(0), session.exportedAt(5))).toBe(false);
    expect(leadsTo("nonsense", session.exportedAt(5))).toBe(false);
    expect(leadsTo(session.exportedAt(3), session.sharedAt(5))).toBe(false);
});

test.each([
    [0, 0, 0],
    [0, 100, 100],
    [100, 0, 100],
    [0, 256, 1],
    [255, 256, 1],
    [3, 259, 4],
    [0, 0xffff_ffff, 1_020],
])("between %i and %i the ratchet is hashed %i times", (one, other, times) => {
    expect(hashesBetween(one, other)).toBe(times);
});
