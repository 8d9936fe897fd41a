import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { reinvited, roomWithBot } from "../bot/index.ts";
import { saidBy } from "../clients/index.ts";
import { TemporaryFolder, until } from "../process/index.ts";
import { test } from "./story.ts";

test("with a time set, the keys of a room that the bot was removed from are forgotten, those of other rooms stay, and after a return it starts anew", async ({
    scene,
    alice,
}) => {
    using folder = new TemporaryFolder("left-room");
    // Always: of the room that it comes back to, the bot lacks what it forgot.
    const [bot, charlie] = [
        await scene.bot({ ROOMS_LEFT_KEYS: "1s", SHARING_REINVITE: "always" }),
        await scene.person("charlie"),
    ];
    const [left, other] = [await roomWithBot(alice, bot), await roomWithBot(alice, bot)];
    for (const roomId of [left, other]) await alice.do("send", roomId, "said at first");
    const held = async (roomId: string): Promise<number | null | undefined> =>
        (await bot.status("--room", roomId)).rooms.find(({ room_id: id }) => id === roomId)?.sessions.shareable;
    for (const roomId of [left, other]) await until("the bot to have heard it", async () => (await held(roomId)) === 2);

    // As an upgrade leaves them. The keys are in there, too.
    const copies = ["backscroll.sqlite", "crypto.sqlite"].map((name) => join(bot.dataFolder, `${name}.before-upgrade`));
    for (const copy of copies) writeFileSync(copy, "a copy");

    await alice.do("kick", left, bot.userId);
    await bot.process.line((line) => line.includes("forgot the keys") && line.includes(left));
    const file = join(folder.path, "keys.json");
    expect(copies.filter((copy) => existsSync(copy))).toEqual([]);
    expect((await bot.command("export-keys", "--room", left, "--plain", file)).output).toContain("holds no key of");
    expect(await held(other)).toBe(2);

    await alice.do("inviteWithoutSharing", left, bot.userId);
    await until(
        "the bot to be back",
        async () => (await alice.do("membership", left, bot.userId))?.membership === "join",
    );
    await alice.do("send", left, "said after the return");
    await alice.do("inviteWithoutSharing", left, charlie.userId);
    await reinvited(charlie, left, bot);
    await charlie.do("join", left);
    const timeline = await charlie.reads(left, ["said after the return"]);
    expect(saidBy(alice, timeline)).toEqual([null, "said after the return"]);
});
