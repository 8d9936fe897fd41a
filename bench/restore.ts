import { statSync } from "node:fs";
import { join } from "node:path";
import { Bot, roomWithBot } from "../test/bot/index.ts";
import { loseFolder } from "../test/integration/lost-folder.ts";
import { type Program, TemporaryFolder } from "../test/process/index.ts";
import { table, verdict } from "./figures.ts";
import { setScene } from "./reinvites.ts";
import { executable, peakMemory, peakUntilExit, type Stage } from "./stage.ts";

interface Measured {
    readonly what: string;
    readonly seconds: number;
    /** MB: of the command's process, and of the bot's if one runs beside it. */
    readonly command: number;
    readonly bot: number;
}

/** `snapshot` beside a running bot, and `restore` into an empty folder; for each size a bot of its own. */
export async function restoring(stage: Stage): Promise<void> {
    const { sizes, disposal, progress } = stage;
    progress("starting Synapse");
    const { synapse, alice, sessions } = await setScene(stage);
    const folder = disposal.use(new TemporaryFolder("bench-restore"));
    for (const size of sizes) {
        const user = await synapse.register(`backscroll${size}`);
        await using bot = new Bot(synapse, user, { LOG_LEVEL: "info", CHAT_GREETING: "false" }, executable);
        await bot.run();
        const roomId = await roomWithBot(alice, bot, { greeted: false });
        progress(`importing ${size} sessions`);
        await ended(bot.launchCommand("import-keys", sessions(roomId, size)));
        // The peak of the bot is to be that of the snapshot.
        await bot.stop();
        await bot.run();
        const file = join(folder.path, `snapshot-${size}`);
        const measured = [await measure("snapshot", () => bot.launchCommand("snapshot", file), bot.process.pid)];
        await bot.kill();
        loseFolder(bot.dataFolder);
        measured.push(await measure("restore", () => bot.launchCommand("restore", file)));
        print(`${size} sessions, a snapshot of ${(statSync(file).size / 1e6).toFixed(0)} MB`, measured);
    }
}

async function measure(what: string, launch: () => Program, botPid?: number): Promise<Measured> {
    const start = performance.now();
    const command = launch();
    const peak = await peakUntilExit(command);
    await ended(command);
    const seconds = (performance.now() - start) / 1_000;
    return { what, seconds, command: peak, bot: botPid === undefined ? Number.NaN : peakMemory(botPid) };
}

async function ended(command: Program): Promise<void> {
    const { code } = await command.exited;
    if (code !== 0) throw new Error(`a command ended with ${code ?? "a signal"}:\n${command.output}`);
}

function print(title: string, measured: readonly Measured[]): void {
    const megabytes = (value: number): string => (Number.isNaN(value) ? "" : `${value.toFixed(0)} MB`);
    const rows = measured.map(({ what, seconds, command, bot }) => [
        what,
        `${seconds.toFixed(1)} s`,
        megabytes(command),
        megabytes(bot),
        verdict(Math.max(command, bot || 0), 250),
    ]);
    console.log(`\n${title}\n`);
    console.log(table([["", "time", "command's peak", "bot's peak", "limit 250 MB"], ...rows]));
}
