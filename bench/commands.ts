import { Bot } from "../test/bot/index.ts";
import { Synapse } from "../test/synapse/index.ts";
import { median, milliseconds, table, verdict } from "./figures.ts";
import { executable, type Stage } from "./stage.ts";

const repetitions = 7;

/** How long the bot takes to start, and how long its commands take beside it. */
export async function commands({ disposal, progress }: Stage): Promise<void> {
    progress("starting Synapse");
    const synapse = disposal.use(await Synapse.start({ progress }));
    const bot = disposal.use(new Bot(synapse, await synapse.register("backscroll"), { LOG_LEVEL: "info" }, executable));
    progress("starting and asking");
    const firstReady = await measureReady(bot);
    const ready = await times(async () => {
        await bot.stop();
        return await measureReady(bot);
    });
    const status = await times(async () => measureCommand(bot, "status"));
    const help = await times(async () => measureCommand(bot, "--help"));
    console.log("\nStart and commands\n");
    console.log(
        table([
            ["", "median", "limit", ""],
            ["ready, first start", milliseconds(firstReady), "2000 ms", verdict(firstReady, 2000)],
            ["ready, later starts", milliseconds(median(ready)), "2000 ms", verdict(median(ready), 2000)],
            ["backscroll status", milliseconds(median(status)), "200 ms", verdict(median(status), 200)],
            ["backscroll --help", milliseconds(median(help)), "200 ms", verdict(median(help), 200)],
        ]),
    );
}

/**
 * Milliseconds from the start of the process until it says that it is ready: logged in, cross-signed, its first sync
 * recorded.
 */
async function measureReady(bot: Bot): Promise<number> {
    const start = performance.now();
    await bot.run();
    return performance.now() - start;
}

/** Milliseconds that a command takes from start to end. */
async function measureCommand(bot: Bot, ...args: readonly string[]): Promise<number> {
    const start = performance.now();
    const { code, output } = await bot.command(...args);
    if (code !== 0) throw new Error(`backscroll ${args.join(" ")} ended with ${code ?? "a signal"}:\n${output}`);
    return performance.now() - start;
}

async function times(measure: () => Promise<number>): Promise<readonly number[]> {
    const values: number[] = [];
    for (let round = 0; round < repetitions; round += 1) values.push(await measure());
    return values;
}
