import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { protect } from "../src/cli/testing/protected-export.ts";
import { Bot, roomWithBot } from "../test/bot/index.ts";
import { TemporaryFolder, until } from "../test/process/index.ts";
import { table, verdict } from "./figures.ts";
import { type Lag, lagOf, type Scene, setScene } from "./reinvites.ts";
import { peakMemory, peakUntilExit, type Stage } from "./stage.ts";

const passphrase = "correct horse battery staple";
/** As many as clients ask for. */
const rounds = 100_000;

interface Measured {
    readonly what: string;
    readonly seconds: number;
    /** MB: of the command's process, and of the bot's if one runs beside it. */
    readonly command: number;
    readonly bot: number;
    /** Of the bot's main thread. */
    readonly lag: Lag | undefined;
}

type Format = "plain" | "protected";

/** Sessions whose import takes long enough to be stopped in its middle. */
const longImport = 30_000;

/**
 * `import-keys` and `export-keys` as an operator runs them, beside a running bot and without one; for each measurement
 * a new bot.
 */
export async function importing(stage: Stage): Promise<void> {
    const { sizes, disposal, progress } = stage;
    progress("starting Synapse");
    const scene = await setScene(stage);
    const folder = disposal.use(new TemporaryFolder("bench-import"));
    const passphraseFile = join(folder.path, "passphrase");
    writeFileSync(passphraseFile, passphrase);
    for (const size of sizes) {
        const measured: Measured[] = [];
        for (const running of [true, false]) {
            for (const format of ["plain", "protected"] as const) {
                progress(`${size} sessions, ${format}, ${running ? "beside a running bot" : "without one"}`);
                await using bot = await newBot(scene);
                const roomId = await roomWithBot(scene.alice, bot, { greeted: false });
                const file = fileOf(scene, roomId, size, format);
                if (!running) await bot.stop();
                const args = ["import-keys", file, "--passphrase-file", passphraseFile];
                measured.push({ what: `import, ${format}`, ...(await measure(bot, running, args)) });
                const exported = join(folder.path, `${bot.userId.slice(1, 8)}-${size}-${format}-${running}.json`);
                measured.push({
                    what: "export",
                    ...(await measure(bot, running, ["export-keys", "--room", roomId, "--plain", exported])),
                });
                if (running && format === "plain")
                    progress(
                        `stopped in ${(await stopWithin(bot, roomId, scene.sessions(roomId, longImport))).toFixed(0)} ms during an import (limit 5000)`,
                    );
            }
        }
        print(size, measured);
    }
}

let bots = 0;

async function newBot({ synapse }: Scene): Promise<Bot> {
    const user = await synapse.register(`backscroll${(bots += 1)}`);
    const bot = new Bot(
        synapse,
        user,
        { LOG_LEVEL: "info", CHAT_GREETING: "false" },
        join(import.meta.dirname, "watched-bot.ts"),
    );
    await bot.run();
    return bot;
}

function fileOf(scene: Scene, roomId: string, size: number, format: Format): string {
    const file = scene.sessions(roomId, size);
    if (format === "protected") writeFileSync(file, protect(readFileSync(file, "utf8"), { passphrase, rounds }));
    return file;
}

async function measure(bot: Bot, running: boolean, args: readonly string[]): Promise<Omit<Measured, "what">> {
    if (running) await lagOf(bot);
    const start = performance.now();
    const command = bot.launchCommand(...args);
    const peak = await peakUntilExit(command);
    const seconds = (performance.now() - start) / 1_000;
    const { code } = await command.exited;
    if (code !== 0) throw new Error(`${args[0]} ended with ${code ?? "a signal"}:\n${command.output}`);
    console.log(
        `… ${args[0]}: ${seconds.toFixed(1)} s, ${peak.toFixed(0)} MB, the bot ${running ? peakMemory(bot.process.pid).toFixed(0) : "-"} MB`,
    );
    return {
        seconds,
        command: peak,
        bot: running ? peakMemory(bot.process.pid) : Number.NaN,
        lag: running ? await lagOf(bot) : undefined,
    };
}

/** Milliseconds from SIGTERM, in the middle of an import, to the bot's end. */
async function stopWithin(bot: Bot, roomId: string, file: string): Promise<number> {
    const held = async (): Promise<number> => (await bot.status("--room", roomId)).rooms[0]?.sessions.shareable ?? 0;
    const before = await held();
    const command = bot.launchCommand("import-keys", file);
    await until("the import to be under way", async () => (await held()) > before);
    if (!command.running) throw new Error("the import was over before the stop");
    const start = performance.now();
    await bot.stop();
    const took = performance.now() - start;
    await command.exited;
    return took;
}

function print(size: number, measured: readonly Measured[]): void {
    console.log(`\nKey files of ${size} sessions\n`);
    const megabytes = (value: number): string => (Number.isNaN(value) ? "" : `${value.toFixed(0)} MB`);
    const rows = measured.map(({ what, seconds, command, bot, lag }) => [
        what,
        Number.isNaN(bot) ? "no" : "yes",
        `${seconds.toFixed(1)} s`,
        megabytes(command),
        megabytes(bot),
        what === "export" ? "" : verdict(Math.max(command, bot || 0), 250),
        lag === undefined
            ? ""
            : `${lag.bot.toFixed(1)} ms ${verdict(lag.bot, 20)} (a waiting process: ${lag.ours.toFixed(1)} ms)`,
    ]);
    console.log(
        table([
            ["", "bot runs", "time", "command's peak", "bot's peak", "limit 250 MB", "main thread late at p99 (20 ms)"],
            ...rows,
        ]),
    );
}
