import * as fc from "fast-check";
import { expect, test } from "vitest";
import { siftToDevice } from "./to-device.ts";

const good = { type: "m.room.encrypted", sender: "@alice:home", content: { algorithm: "x" } };

test("what has the shape of an event passes as it came, in its order", () => {
    const strange = { ...good, "": 1, constructor: {}, content: JSON.parse('{"__proto__": {"type": 5}, "toString": null}') as object };
    const sifted = siftToDevice([good, strange]);
    expect(JSON.parse(sifted.json)).toEqual([good, strange]);
    expect(sifted).toMatchObject({ taken: 2, refused: 0 });
    expect(sifted.json).toContain('"__proto__"');
});

test.each([
    ["no object", "event"],
    ["null", null],
    ["a list", [good]],
    ["no type", { ...good, type: undefined }],
    ["a type that is no string", { ...good, type: 1 }],
    ["an endless type", { ...good, type: "m".repeat(256) }],
    ["no sender", { ...good, sender: undefined }],
    ["content that is a string", { ...good, content: "x" }],
    ["content that is a list", { ...good, content: [] }],
    ["more than an event may have", { ...good, content: { body: "ü".repeat(33_000) } }],
])("%s is left out", (_, event) => {
    expect(siftToDevice([good, event, good])).toMatchObject({ taken: 2, refused: 1 });
});

test("whatever comes, what is let through is a list of events", () => {
    const event = fc.record({ type: fc.anything(), sender: fc.anything(), content: fc.anything() });
    fc.assert(
        fc.property(fc.array(fc.oneof(fc.jsonValue(), event, fc.constant(good))), (events) => {
            const sifted = siftToDevice(events);
            const through = JSON.parse(sifted.json) as { type: unknown; content: unknown }[];
            expect(through).toHaveLength(sifted.taken);
            expect(through.every(({ type, content }) => typeof type === "string" && typeof content === "object")).toBe(true);
        }),
    );
});
