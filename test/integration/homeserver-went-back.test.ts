import { afterAll, beforeAll, expect, test } from "vitest";
import { reinvited, roomWithBot } from "../bot/index.ts";
import { until } from "../process/index.ts";
import type { Synapse } from "../synapse/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene<Synapse>;

beforeAll(async () => {
    scene = await Scene.alone();
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
});

test("a homeserver that was restored from a backup is read anew: rooms that it has forgotten are left, and what it has goes on", async () => {
    const [alice, bot] = [await scene.person("alice"), await scene.bot()];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "before the backup");
    await until("the key", async () => ((await bot.status("--room", roomId)).rooms[0]?.sessions.shareable ?? 0) > 1);

    await scene.synapse.backUp();
    // A start of the bot, and a room, of which the backup does not know.
    await bot.stop();
    await bot.run();
    const forgotten = await roomWithBot(alice, bot);
    await scene.synapse.restoreBackUp();
    await bot.stop();
    await bot.run();

    expect(bot.process.output).toContain("the homeserver was restored from an older state");
    await until("the forgotten room to be left", async () => {
        const { rooms } = await bot.status();
        return rooms.some(({ room_id: id }) => id === roomId) && !rooms.some(({ room_id: id }) => id === forgotten);
    });
    const charlie = await scene.person("charlie");
    const invite = { method: "POST", path: `/rooms/${encodeURIComponent(roomId)}/invite` } as const;
    await alice.do("request", invite.method, invite.path, { user_id: charlie.userId });
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["before the backup"]);

    const { jobs } = await bot.status();
    expect(jobs.map(({ user_id: userId }) => userId)).toEqual([charlie.userId]);
});
