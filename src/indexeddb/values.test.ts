import { createSecretKey, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { done, nameOfThrown, withStore } from "./testing/fixture.ts";

const shared = { a: 1 };
const circular: Record<string, unknown> = { name: "circular" };
circular["self"] = circular;

test.each([
    ["primitives", [undefined, null, true, false, 0, -0, NaN, 1.5, 2 ** 60, "", "text", "\ud800", 123n, -(2n ** 100n)]],
    ["boxed primitives", [Object(1), Object("s"), Object(true), Object(2n)]],
    ["dates", [new Date(0), new Date(NaN)]],
    ["regular expressions", /a+b/giu],
    ["arrays with holes and with further properties", Object.assign(Array(2), { 3: 1, extra: "x" })],
    ["maps and sets", new Map<unknown, unknown>([[{ k: 1 }, new Set([1, "a"])]])],
    [
        "buffers and views",
        {
            buffer: Uint8Array.of(1, 2).buffer,
            bytes: Uint8Array.of(3),
            floats: Float64Array.of(1.5),
            big: BigInt64Array.of(7n),
        },
    ],
    ["an object met twice", [shared, shared]],
    ["a circle", circular],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 })],
    ["undefined in an object", { a: undefined }],
])("%s come back as a structured clone", async (_, value) => {
    const { read } = await withStore({}, [[value, 1]]);
    expect(await done(read().get(1))).toEqual(structuredClone(value));
});

test("errors keep their name, message and cause", async () => {
    const { read } = await withStore({}, [[new RangeError("too far", { cause: "walked" }), 1]]);
    const error = await done<RangeError>(read().get(1));
    expect(error).toBeInstanceOf(RangeError);
    expect([error.message, error.cause]).toEqual(["too far", "walked"]);
});

test("views on one buffer still share it, and a view keeps its place in it", async () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const { read } = await withStore({}, [[{ all: bytes, tail: bytes.subarray(2) }, 1]]);
    const value = await done<{ all: Uint8Array; tail: Uint8Array }>(read().get(1));
    expect(value.tail.buffer).toBe(value.all.buffer);
    expect([value.tail.byteOffset, value.tail.buffer.byteLength]).toEqual([2, 4]);
});

test("an object met twice is one object, and a class's instance is a plain one", async () => {
    class Point {
        readonly x = 1;
        get y(): number {
            return 2;
        }
    }
    const { read } = await withStore({}, [[[shared, shared, new Point()], 1]]);
    const [first, second, point] = await done<object[]>(read().get(1));
    expect(first).toBe(second);
    expect(Object.getPrototypeOf(point)).toBe(Object.prototype);
    expect(point).toEqual({ x: 1 });
});

test("the value is cloned when it is handed over, not when it is stored", async () => {
    const { write, read } = await withStore({});
    const value = { state: "before" };
    const request = write().put(value, 1);
    value.state = "after";
    await done(request);
    expect(await done(read().get(1))).toEqual({ state: "before" });
});

test.each([
    ["a function", () => 1],
    ["a symbol", Symbol("s")],
    ["a promise", Promise.resolve()],
    ["a weak map", new WeakMap()],
    ["a proxy", new Proxy({}, {})],
    ["shared memory", new SharedArrayBuffer(1)],
    ["a blob", new Blob(["x"])],
    ["a file deep inside", [{ files: new Map([["a", new File(["x"], "name")]]) }]],
    ["a key object", createSecretKey(randomBytes(16))],
    ["a DOMException", new DOMException("x", "DataError")],
])("%s is refused and not stored as something else", async (_, value) => {
    const { write, read } = await withStore({});
    expect(nameOfThrown(() => write().put(value, 1))).toBe("DataCloneError");
    expect(await done(read().count())).toBe(0);
});

test("what a getter throws is thrown on, and nothing is stored", async () => {
    const { write, read } = await withStore({});
    const value = Object.defineProperty({}, "bad", {
        enumerable: true,
        get: () => {
            throw new RangeError("from the getter");
        },
    });
    expect(() => write().put(value, 1)).toThrow("from the getter");
    expect(await done(read().count())).toBe(0);
});

test("a large value is kept", async () => {
    const value = { text: "é".repeat(500_000), bytes: new Uint8Array(2_000_000).fill(7) };
    const { read } = await withStore({}, [[value, 1]]);
    expect(await done(read().get(1))).toEqual(value);
});
