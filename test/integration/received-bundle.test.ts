import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let alice: Client;
let bob: Client;

beforeAll(async () => {
    scene = await Scene.open();
    [alice, bob] = await Promise.all([scene.person("alice"), scene.person("bob")]);
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

/** A room in which Alice and Bob have talked, in two sessions of hers and one of his. */
async function roomWithPast(): Promise<string> {
    const roomId = await alice.do("createRoom", { name: "a room with a past" });
    await alice.do("send", roomId, "the first word");
    await alice.do("inviteWithSharing", roomId, bob.userId);
    await bob.do("join", roomId);
    await bob.do("send", roomId, "Bob's word");
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "the last word before the bot");
    await alice.reads(roomId, ["Bob's word"]);
    return roomId;
}

const past = ["the first word", "Bob's word", "the last word before the bot"];

type Shown = Awaited<ReturnType<Bot["status"]>>["rooms"][number];

async function shows(bot: Bot, roomId: string, expected: object): Promise<Shown> {
    let shown: Shown | undefined;
    try {
        return await until("the room's status", async () => {
            [shown] = (await bot.status("--room", roomId)).rooms;
            if (shown === undefined) return false;
            try {
                expect(shown).toMatchObject(expected);
                return shown;
            } catch {
                return false;
            }
        });
    } catch (cause) {
        throw new Error(`status shows ${JSON.stringify(shown)}; the bot's log:\n${bot.process.output}`, { cause });
    }
}

test("what was said before the bot came is read by whoever comes later, through the bundle of whoever invited the bot", async () => {
    const [bot, charlie] = await Promise.all([scene.bot(), scene.person("charlie")]);
    const roomId = await roomWithPast();
    await alice.do("inviteWithSharing", roomId, bot.userId);
    const shown = await shows(bot, roomId, {
        received_bundle: { from: alice.userId, state: "taken", keys: 3, reason: null },
        coverage: { complete: true },
        problems: [],
    });
    expect(shown.received_bundle?.message).toBe(`was given the keys of 3 sessions by ${alice.userId}, who invited the bot.`);
    expect((await bot.command("status", "--room", roomId)).output).toContain(`was given the keys of 3 sessions by ${alice.userId}`);

    await alice.do("send", roomId, "said to the bot, too");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, [...past, "said to the bot, too"]);
});
