import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, roomWithBot } from "../bot/index.ts";
import { TemporaryFolder } from "../process/index.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let bot: Bot;
let kept: TemporaryFolder;

// Other damages, and each file by itself: src/database/database.test.ts, src/indexeddb/file.test.ts. What a bot that
// has done something left behind.
beforeAll(async () => {
    scene = await Scene.open();
    const [alice] = await Promise.all([scene.person("alice"), (async () => void (bot = await scene.bot()))()]);
    await roomWithBot(alice, bot);
    await bot.stop();
    kept = new TemporaryFolder("kept");
    cpSync(bot.dataFolder, kept.path, { recursive: true });
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    kept[Symbol.dispose]();
});

function putBack(): void {
    rmSync(bot.dataFolder, { recursive: true });
    cpSync(kept.path, bot.dataFolder, { recursive: true });
}

function everyByte(): Readonly<Record<string, string>> {
    const names = readdirSync(bot.dataFolder).toSorted();
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(bot.dataFolder, name)).toString("base64")]));
}

const damages: Readonly<Record<string, (file: string, bytes: Buffer) => void>> = {
    "cut in half": (file, bytes) => truncateSync(file, Math.floor(bytes.length / 2)),
    "zeroed at its beginning": (file, bytes) => writeFileSync(file, bytes.fill(0, 0, 4096)),
    "zeroed as a whole": (file, bytes) => writeFileSync(file, bytes.fill(0)),
    "hit by a flipped bit in its header": (file, bytes) => {
        bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
        writeFileSync(file, bytes);
    },
    "hit by a flipped bit in its first table": (file, bytes) => {
        bytes.writeUInt8(bytes.readUInt8(4096) ^ 0x40, 4096);
        writeFileSync(file, bytes);
    },
};

const cases = ["backscroll.sqlite", "crypto.sqlite"].flatMap((name) =>
    Object.keys(damages).map((damage) => [name, damage] as const),
);

test.each(cases)("%s %s: the start ends with 65, and says what to do", async (name, damage) => {
    putBack();
    const file = join(bot.dataFolder, name);
    damages[damage]?.(file, readFileSync(file));
    const { code, output } = await bot.command("run");
    expect({ code, output }).toEqual({ code: 65, output: expect.stringContaining(`The store ${file} is damaged`) });
    expect(output).toContain("restore the newest snapshot");
});

test("another store key ends the start with 65, and not a byte in the folder is changed", async () => {
    putBack();
    const before = everyByte();
    const { code, output } = await bot.commandWith({ STORE_KEY: Buffer.alloc(32, 1).toString("base64") }, "run");
    expect({ code, output }).toEqual({ code: 65, output: expect.stringContaining("The store key does not open") });
    expect(everyByte()).toEqual(before);
});

test("after all that, the folder as it was still works", async () => {
    putBack();
    await bot.run();
    expect(await bot.status()).toMatchObject({ running: true, account: { cross_signed: true } });
});
