import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, roomWithBot } from "../bot/index.ts";
import { type Client, saidBy, type VerificationSeen } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Scene } from "./scene.ts";

const reason = expect.stringContaining("cannot be verified interactively. Compare its fingerprint");
const request = {
    msgtype: "m.key.verification.request",
    body: "a request",
    from_device: "ALICE1",
    methods: ["m.sas.v1"],
};
const cancelled = { phase: "cancelled", code: "m.unknown_method", reason };
/** Much less than the ten minutes that a request waits. */
const limitMs = 10_000;

let scene: Scene;
let alice: Client;
let bot: Bot;
/** An encrypted one, with the two of them. */
let roomId: string;

beforeAll(async () => {
    scene = await Scene.open();
    alice = await scene.person("alice");
    bot = await scene.bot();
    roomId = await roomWithBot(alice, bot);
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

test("Alice asks to verify the bot's device, and sees it cancelled with the reason", async () => {
    const [device] = await alice.do("devices", bot.userId);
    if (device === undefined) throw new Error("the bot has no device");
    expect(await answered(await alice.do("askToVerify", bot.userId, device))).toEqual(cancelled);
});

test.each([true, false])(
    "she asks in a direct room that she has just made (encrypted: %s), and reads why it was cancelled",
    async (encrypted) => {
        const direct = await alice.do("createRoom", { name: "direct", encrypted, invite: [bot.userId] });
        expect(await answered(await alice.do("askToVerify", bot.userId, { roomId: direct }))).toEqual(cancelled);
        await until("the bot to say why", async () => (await reasonsIn(direct)).length > 0);
    },
);

test("a client that encrypts its request is answered; when it asks to verify somebody else, it is not", async () => {
    for (const to of ["@somebody:else", bot.userId]) await alice.do("send", roomId, { ...request, to });
    await until("the answer", async () => (await reasonsIn(roomId)).length > 0);
    expect(await reasonsIn(roomId)).toEqual([reason]);
});

/** How the request stands once it has been answered. */
async function answered(id: string): Promise<VerificationSeen> {
    try {
        return await until(
            "an answer",
            async () => {
                const seen = await alice.do("verification", id);
                return seen.phase !== "requested" && seen;
            },
            { limitMs },
        );
    } catch (cause) {
        throw new Error(`the bot's log:\n${bot.process.output}`, { cause });
    }
}

/** What the bot said of it, as Alice's client reads it. */
async function reasonsIn(room: string): Promise<readonly (string | null)[]> {
    const said = saidBy(bot, await alice.do("timeline", room));
    return said.filter((text) => text?.includes("fingerprint"));
}
