import * as fc from "fast-check";
import { expect, test } from "vitest";
import { siftToDevice } from "./to-device.ts";

const bot = "@bot:home";
const good = { type: "m.room.encrypted", sender: "@alice:home", content: { algorithm: "x" } };

test("what has the shape of an event passes as it came, in its order", () => {
    const strange = {
        ...good,
        "": 1,
        constructor: {},
        content: JSON.parse('{"__proto__": {"type": 5}, "toString": null}') as object,
    };
    const sifted = siftToDevice([good, strange], bot);
    expect(JSON.parse(sifted.json)).toEqual([good, strange]);
    expect(sifted).toMatchObject({ taken: [good, strange], refused: 0 });
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
    expect(siftToDevice([good, event, good], bot)).toMatchObject({ taken: [good, good], refused: 1 });
});

test.each([
    ["a request to verify the bot", "m.key.verification.request", good.sender],
    ["a verification that nobody asked for", "m.key.verification.start", good.sender],
    ["a refused key", "m.room_key.withheld", good.sender],
    ["a request for a key", "m.room_key_request", good.sender],
    ["a key that is not encrypted", "m.room_key", good.sender],
    ["a stranger's request for our secrets", "m.secret.request", good.sender],
    ["whatever else", "org.example.custom", good.sender],
])("of %s the machine does not hear", (_, type, sender) => {
    const event = { type, sender, content: {} };
    expect(siftToDevice([event], bot)).toEqual({ json: "[]", taken: [event], refused: 0 });
});

test("of a request of our own devices for our secrets it does", () => {
    const event = { type: "m.secret.request", sender: bot, content: {} };
    expect(JSON.parse(siftToDevice([event], bot).json)).toEqual([event]);
});

test("whatever comes, what is let through is a list of events", () => {
    const event = fc.record({ type: fc.anything(), sender: fc.anything(), content: fc.anything() });
    fc.assert(
        fc.property(fc.array(fc.oneof(fc.jsonValue(), event, fc.constant(good))), (events) => {
            const sifted = siftToDevice(events, bot);
            const through = JSON.parse(sifted.json) as { type: unknown; content: unknown }[];
            expect(sifted.taken).toHaveLength(events.length - sifted.refused);
            expect(through.every(({ type, content }) => typeof type === "string" && typeof content === "object")).toBe(
                true,
            );
        }),
    );
});
