import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { TemporaryFolder } from "../process/index.ts";
import { loseFolder } from "./lost-folder.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let alice: Client;
let bot: Bot;
let roomId: string;
const kept = new TemporaryFolder("kept");

// A bot that was killed in the middle of its work: what it did since its start lies in the logs, and nowhere else.
beforeAll(async () => {
    scene = await Scene.open();
    [alice, bot] = await Promise.all([scene.person("alice"), scene.bot()]);
    roomId = await roomWithBot(alice, bot);
    await bot.stop();
    await bot.run();
    const charlie = await scene.person("charlie");
    await alice.do("rotateSession", roomId);
    await alice.do("send", roomId, "said before the kill");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await bot.kill();
    cpSync(bot.dataFolder, join(kept.path, "data"), { recursive: true });
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    kept[Symbol.dispose]();
});

function putBack(): void {
    rmSync(bot.dataFolder, { recursive: true });
    cpSync(join(kept.path, "data"), bot.dataFolder, { recursive: true });
}

/** A key of Alice's that the bot lacks: it was not in this room. */
async function exportedKeys(): Promise<string> {
    const elsewhere = await alice.do("createRoom", { name: "elsewhere" });
    await alice.do("send", elsewhere, "said without the bot");
    const path = join(kept.path, "keys");
    writeFileSync(path, JSON.stringify((await alice.do("exportRoomKeys")).filter((key) => key.room_id === elsewhere)));
    return path;
}

const flipped = (at: (size: number) => number) => (file: string) => {
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(at(bytes.length)) ^ 0x10, at(bytes.length));
    writeFileSync(file, bytes);
};
const damages: Readonly<Record<string, (file: string) => void>> = {
    removed: (file) => rmSync(file),
    "cut in half": (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
    "hit by a flipped bit in its header": flipped(() => 17),
    "hit by a flipped bit in its middle": flipped((size) => Math.floor(size / 2)),
};

test.each(Object.keys(damages))(
    "a log of the crypto store that was %s: ratchets would go back, and no start goes on with them",
    async (damage) => {
        putBack();
        damages[damage]?.(join(bot.dataFolder, "crypto.sqlite-wal"));
        // What is written to it meanwhile makes it no newer.
        for (let start = 0; start < 2; start++) {
            const { code, output } = await bot.command("run");
            expect({ code, output }).toEqual({
                code: 65,
                output: expect.stringContaining("is behind what was on disk once"),
            });
        }
    },
);

test("a command without a running bot refuses such a store, too", async () => {
    putBack();
    damages["cut in half"]?.(join(bot.dataFolder, "crypto.sqlite-wal"));
    const keys = await exportedKeys();
    const { code, output } = await bot.command("import-keys", keys);
    expect({ code, output }).toEqual({ code: 65, output: expect.stringContaining("is behind what was on disk once") });
});

test("a copy of the crypto store from before such a command is refused: it has written to it", async () => {
    putBack();
    await bot.run();
    await bot.stop();
    const [store, copy] = [join(bot.dataFolder, "crypto.sqlite"), join(kept.path, "crypto.sqlite")];
    cpSync(store, copy);
    expect(await bot.command("import-keys", await exportedKeys())).toMatchObject({ code: 0 });
    cpSync(copy, store);
    expect(await bot.command("run")).toMatchObject({
        code: 65,
        output: expect.stringContaining("is behind what was on disk once"),
    });
});

test("and a new device can be made of such a store", async () => {
    putBack();
    damages["cut in half"]?.(join(bot.dataFolder, "crypto.sqlite-wal"));
    expect((await bot.command("run")).code).toBe(65);
    const snapshot = join(kept.path, "snapshot");
    expect((await bot.command("snapshot", snapshot)).code).toBe(0);
    loseFolder(bot.dataFolder);
    expect(await bot.command("restore", snapshot)).toMatchObject({ code: 0 });
    await bot.run();
    await bot.stop();
});
