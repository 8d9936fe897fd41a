import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { reinvited, roomWithBot } from "../bot/index.ts";
import { TemporaryFolder, until } from "../process/index.ts";
import { test as story } from "./story.ts";

const test = story.extend("bot", { scope: "file" }, async ({ scene }) => {
    const bot = await scene.restingBot({ ROOMS_LEFT_KEYS: "30d" });
    await bot.runWithOwnClock();
    return bot;
});

const folder = new TemporaryFolder("clock-jumps");
const year = 365 * 24 * 3_600_000;

afterAll(() => {
    folder[Symbol.dispose]();
});

test("a clock that jumps a year ahead and then two years back loses no keys, forgets no room early, and holds up no invite", async ({
    scene,
    alice,
    bot,
}) => {
    const [left, roomId] = [await roomWithBot(alice, bot), await roomWithBot(alice, bot)];
    await alice.do("send", left, "in the room that it leaves");
    await until("the key", async () => (await bot.status("--room", left)).rooms[0]?.sessions.shareable === 2);
    await alice.do("kick", left, bot.userId);

    const said: string[] = [];
    const jumps = [
        ["a year ahead", year],
        ["a year behind", -year],
    ] as const;
    for (const [text, ms] of jumps) {
        bot.moveClock(ms);
        await bot.process.line((line) => line.includes(`off by ${ms} ms`));
        await alice.do("rotateSession", roomId);
        await alice.do("send", roomId, text);
        said.push(text);
        const invitee = await scene.person("charlie");
        await alice.do("inviteWithoutSharing", roomId, invitee.userId);
        await reinvited(invitee, roomId, bot);
        await invitee.do("join", roomId);
        await invitee.reads(roomId, said);
        await bot.job(roomId, invitee.userId, "joined", "done");
    }

    // Kept, also by a start in the year before.
    await bot.stop();
    await bot.runWithOwnClock();
    expect(await bot.command("export-keys", "--room", left, "--plain", join(folder.path, "keys.json"))).toMatchObject({
        code: 0,
    });
    expect((await bot.command("health")).code).toBe(0);
});
