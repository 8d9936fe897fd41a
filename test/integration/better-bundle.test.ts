import { expect } from "vitest";
import type { Bot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { test } from "./story.ts";

// What settings make of the comparison; the comparison itself is played in ordinary-rooms/.

const before = ["before the bot, one", "before the bot, two"];
const since = Array.from({ length: 10 }, (_, index) => `with the bot, ${index + 1}`);

/** A room of twelve messages, of which the bot lacks the first two. */
async function olderRoom(alice: Client, bot: Bot): Promise<string> {
    const roomId = await alice.do("createRoom", { name: "an older room" });
    for (const text of before) await alice.do("send", roomId, text);
    await alice.do("rotateSession", roomId);
    await alice.do("inviteWithoutSharing", roomId, bot.userId);
    await until(
        "the bot to join",
        async () => (await alice.do("membership", roomId, bot.userId))?.membership === "join",
    );
    for (const text of since) await alice.do("send", roomId, text);
    await until("the count", async () => (await bot.status("--room", roomId)).rooms[0]?.coverage?.covered === 10);
    return roomId;
}

test.for<[string, Readonly<Record<string, string>>, string]>([
    [
        "its setting asks for a complete room",
        { SHARING_REINVITE: "when_complete" },
        "the bot covers 83 % of the room's 12 messages",
    ],
    ["its threshold is higher", { SHARING_REINVITE_THRESHOLDS_LIKELY: "83.4" }, "12 messages (83.33 %)"],
])(
    "a bot that lacks 2 of 12 messages leaves the inviter their place if %s",
    async ([, settings, sentence], { scene, alice }) => {
        const [bot, charlie] = await Promise.all([
            scene.bot({ CHAT_GREETING: "false", ...settings }),
            scene.person("charlie"),
        ]);
        const roomId = await olderRoom(alice, bot);
        await alice.do("inviteWithSharing", roomId, charlie.userId);
        const waits = async (): Promise<string | false> => {
            const [job] = (await bot.status("--room", roomId)).jobs;
            return job?.reason === "coverage_incomplete" && job.message;
        };
        expect(await until("the delivery", waits)).toContain(sentence);
        await charlie.do("join", roomId);
        await charlie.reads(roomId, [...before, ...since]);
    },
);
