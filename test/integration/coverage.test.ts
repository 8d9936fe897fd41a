import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { type Bot, roomWithBot } from "../bot/index.ts";
import { type Client, saidBy } from "../clients/index.ts";
import { TemporaryFolder, until } from "../process/index.ts";
import { test } from "./story.ts";

type Shown = Awaited<ReturnType<Bot["status"]>>["rooms"][number];

/** Waits until `status` shows the room like this, and answers what it shows. @throws if it does not come to that */
async function shows(bot: Bot, roomId: string, expected: object): Promise<Shown> {
    let shown: Shown | undefined;
    const matches = (): boolean => {
        try {
            expect(shown).toMatchObject(expected);
            return true;
        } catch {
            return false;
        }
    };
    try {
        return await until("the coverage", async () => {
            [shown] = (await bot.status("--room", roomId)).rooms;
            return shown !== undefined && matches() && shown;
        });
    } catch (cause) {
        throw new Error(`status shows ${JSON.stringify(shown)}; the bot's log:\n${bot.process.output}`, { cause });
    }
}

async function say(alice: Client, roomId: string, count: number): Promise<void> {
    for (let message = 1; message <= count; message++) await alice.do("send", roomId, `message ${message}`);
}

test("a bot that comes into a room with history knows what it lacks, and that nothing is lacking once the keys are imported", async ({
    scene,
    alice,
}) => {
    using folder = new TemporaryFolder("coverage");
    const bot = await scene.bot();
    const roomId = await alice.do("createRoom", { name: "a room with history" });
    await say(alice, roomId, 3);
    await alice.do("rotateSession", roomId);
    await say(alice, roomId, 2);
    await alice.do("inviteWithoutSharing", roomId, bot.userId);
    // Nobody gave the bot a key: the one that it has is of its own greeting.
    await shows(bot, roomId, { sessions: { shareable: 1 }, coverage: { reach: "start", events: 6, covered: 1 } });
    const said = await until("the greeting", async () => saidBy(bot, await alice.do("timeline", roomId))[0]);
    expect(said).toContain("Of the messages so far (5) I can hand on none");
    expect(said).not.toContain("Everything is set");

    const before = Date.now();
    await say(alice, roomId, 4);
    // The bot has the keys of its own greeting and of the four.
    const shown = await shows(bot, roomId, {
        sessions: { missing: 2 },
        coverage: { reach: "start", complete: false, events: 10, covered: 5 },
    });
    expect(Date.parse(shown.covers_since ?? "")).toBeLessThanOrEqual(before);
    const { output } = await bot.command("status", "--room", roomId);
    expect(output).toContain(`${roomId} covers 50 % of the 10 encrypted messages, and at least 95 % of those since`);
    expect(output).toContain("misses the keys of 2 sessions: `backscroll import-keys`");

    const file = join(folder.path, "keys.json");
    writeFileSync(file, JSON.stringify(await alice.do("exportRoomKeys")));
    expect(await bot.command("import-keys", file)).toMatchObject({ code: 0 });
    await shows(bot, roomId, { sessions: { missing: 0 }, coverage: { complete: true, events: 10, covered: 10 } });
});

test("what was said while the bot was down is found, also what the sync leaves out", async ({ scene, alice }) => {
    const bot = await scene.bot();
    const roomId = await roomWithBot(alice, bot);
    await say(alice, roomId, 2);
    await shows(bot, roomId, { coverage: { reach: "start", complete: true, events: 3, covered: 3 } });
    await bot.stop();
    // The sync's timelines have 50 events.
    await say(alice, roomId, 52);
    await bot.run();
    await shows(bot, roomId, {
        sessions: { missing: 0 },
        coverage: { reach: "start", complete: true, events: 55, covered: 55 },
    });
    await bot.kill();
    await bot.run();
    const { coverage } = await shows(bot, roomId, { coverage: { reach: "start" } });
    expect(coverage).toMatchObject({ complete: true, events: 55, covered: 55 });
});

test("who withholds keys from the bot is named", async ({ scene, alice }) => {
    const [bot, bob] = await Promise.all([scene.bot(), scene.person("bob")]);
    const roomId = await roomWithBot(alice, bot);
    await alice.do("inviteWithoutSharing", roomId, bob.userId);
    await bob.do("join", roomId);
    await bob.do("excludeUnverified");
    await bob.do("send", roomId, "not for bots that nobody verified");

    await shows(bot, roomId, {
        sessions: { missing: 1 },
        coverage: { complete: false, events: 2, covered: 1, withheld_from_bot: { sessions: 1, senders: [bob.userId] } },
    });
    const { output } = await bot.command("status", "--room", roomId);
    expect(output).toContain(`lacks 1 session because 1 sender withheld the keys from the bot: ${bob.userId}.`);
});
