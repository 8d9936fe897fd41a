import { expect, test } from "vitest";
import type { RoomEvent } from "../matrix/index.ts";
import { isTimely, saidToBot } from "./verification-requests.ts";

const minute = 60_000;
const now = 100 * minute;
const bot = "@bot:home";
const asked = { msgtype: "m.key.verification.request", to: bot, from_device: "A", methods: [] };
const event: RoomEvent = {
    type: "m.room.message",
    eventId: "$1",
    sender: "@a:home",
    originServerTs: now,
    content: asked,
};
const encrypted: RoomEvent = { ...event, type: "m.room.encrypted", content: { algorithm: "m.megolm.v1.aes-sha2" } };

test.each<[string, number, boolean]>([
    ["now", now, true],
    ["ten minutes ago", now - 10 * minute, true],
    ["earlier", now - 10 * minute - 1, false],
    ["in five minutes", now + 5 * minute, true],
    ["later", now + 5 * minute + 1, false],
])("a request that was sent %s: %s is timely: %s", (_, sentAt, timely) => {
    expect(isTimely(sentAt, now)).toBe(timely);
});

test.each<[string, RoomEvent, number, number]>([
    ["a request to the bot", event, 1, 0],
    ["one to somebody else", { ...event, content: { ...asked, to: "@b:home" } }, 0, 0],
    ["one to nobody", { ...event, content: { ...asked, to: [bot] } }, 0, 0],
    ["another message", { ...event, content: { msgtype: "m.text", body: bot } }, 0, 0],
    ["a message without content", { ...event, content: {} }, 0, 0],
    ["a request from long ago", { ...event, originServerTs: now - 11 * minute }, 0, 0],
    ["one of the bot's own", { ...event, sender: bot }, 0, 0],
    ["one that is state", { ...event, stateKey: "" }, 0, 0],
    ["an encrypted event", encrypted, 0, 1],
    ["an encrypted event from long ago", { ...encrypted, originServerTs: 0 }, 0, 0],
    ["an encrypted event of the bot's own", { ...encrypted, sender: bot }, 0, 0],
])("%s", (_, given, requests, unread) => {
    const said = saidToBot("!r:home", [given], bot, now);
    expect([said.requests.length, said.encrypted.length]).toEqual([requests, unread]);
});

test("a request is named by its event", () => {
    const { requests } = saidToBot("!r:home", [event], bot, now);
    expect(requests).toEqual([{ roomId: "!r:home", eventId: "$1", userId: "@a:home" }]);
});
