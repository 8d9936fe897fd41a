import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { deriveSeal, SealBroken } from "./index.ts";

const storeKey = randomBytes(32);
const seal = deriveSeal(storeKey, "test");
const secret = Buffer.from("a file key");

test("what was sealed opens in its place, with its key, for its purpose, and nowhere else", () => {
    const sealed = seal.seal("jobs/1", secret);
    expect(Buffer.from(seal.open("jobs/1", sealed))).toEqual(secret);
    expect(() => seal.open("jobs/2", sealed)).toThrow(SealBroken);
    expect(() => deriveSeal(storeKey, "another purpose").open("jobs/1", sealed)).toThrow(SealBroken);
    expect(() => deriveSeal(randomBytes(32), "test").open("jobs/1", sealed)).toThrow(SealBroken);
});

test("a changed or shortened value does not open", () => {
    const sealed = Buffer.from(seal.seal("jobs/1", secret));
    for (let index = 0; index < sealed.length; index++) {
        const damaged = Buffer.from(sealed);
        damaged.writeUInt8(damaged.readUInt8(index) ^ 1, index);
        expect(() => seal.open("jobs/1", damaged)).toThrow(SealBroken);
        expect(() => seal.open("jobs/1", sealed.subarray(0, index))).toThrow(SealBroken);
    }
});

test("the same value sealed twice looks different", () => {
    expect(seal.seal("jobs/1", secret)).not.toEqual(seal.seal("jobs/1", secret));
});
