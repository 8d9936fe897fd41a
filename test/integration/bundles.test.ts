import { expect } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { until } from "../process/index.ts";
import { test } from "./story.ts";

interface Given {
    readonly user_id: string;
    readonly sessions: number;
    readonly file: string;
}

/** What was given out in a room, oldest first, once there are so many deliveries. */
async function given(bot: Bot, roomId: string, count: number): Promise<readonly Given[]> {
    return await until(
        `${count} deliveries`,
        async () => {
            const { answer } = await bot.command("audit", "--json", "--room", roomId);
            const { deliveries } = JSON.parse(answer) as { readonly deliveries: readonly Given[] };
            return deliveries.length >= count && deliveries.toReversed();
        },
        { limitMs: 90_000 },
    );
}

test("one file serves two people, and a newer one follows to both when keys come before they join", async ({
    scene,
    alice,
}) => {
    const bot = await scene.bot({ SHARING_REINVITE: "always" });
    const [charlie, dora] = [await scene.person("charlie"), await scene.absent("dora")];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "before the invites");
    for (const userId of [charlie.userId, dora]) {
        await alice.do("inviteWithoutSharing", roomId, userId);
        await bot.job(roomId, userId, "reinvited");
    }
    const first = await given(bot, roomId, 2);
    expect(new Set(first.map(({ file }) => file)).size).toBe(1);

    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "while they are invited");
    const all = await given(bot, roomId, 4);
    const later = all.slice(-2);
    expect(new Set(later.map(({ user_id }) => user_id))).toEqual(new Set([charlie.userId, dora]));
    expect(new Set(all.map(({ file }) => file)).size).toBe(2);
    expect(later.every(({ sessions }) => sessions > (first[0]?.sessions ?? Number.NaN))).toBe(true);

    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["before the invites", "while they are invited"]);
});

test("where not everything may be shared the newest is, and the job says what was left out", async ({
    scene,
    alice,
    charlie,
}) => {
    const bot = await scene.bot({ SHARING_REINVITE: "always", SHARING_MAX_SESSIONS: "1", CHAT_GREETING: "false" });
    const roomId = await roomWithBot(alice, bot, { greeted: false });
    for (const text of ["the oldest", "the middle", "the newest"]) {
        await alice.do("send", roomId, text);
        await alice.do("rotateSession", roomId);
    }
    await until(
        "the bot to have them",
        async () => (await bot.status("--room", roomId)).rooms[0]?.sessions.shareable === 3,
    );
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    const { id } = await bot.job(roomId, charlie.userId, "reinvited");
    expect((await bot.command("status", "--job", id)).answer).toContain(
        "the older ones left out. Namely: 2 of 3 sessions.",
    );
    await charlie.do("join", roomId);
    const timeline = await charlie.reads(roomId, ["the newest"]);
    expect(timeline.map(({ text }) => text)).not.toContain("the oldest");
});
