import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Bot } from "../test/bot/index.ts";
import { Synapse } from "../test/synapse/index.ts";
import { median, milliseconds, table, verdict } from "./figures.ts";
import { measureReinvites } from "./reinvite.ts";
import { measureCommand, measureReady } from "./start.ts";

const rounds = Number(process.argv[2] ?? 9);
const executable = join(import.meta.dirname, "../dist/main.js");

await using stage = new AsyncDisposableStack();
const progress = (text: string): void => console.log(`… ${text}`);

progress("starting Synapse, bot and peer");
const synapse = stage.use(await Synapse.start({ progress }));
const bot = stage.use(new Bot(synapse, await synapse.register("backscroll"), { LOG_LEVEL: "info" }, executable));
const firstReady = await measureReady(bot);
const reinvites = await measureReinvites({ synapse, bot, rounds }, stage, progress);
const memory = { bot: peakMemory(bot.process.pid), peer: peakMemory(reinvites.peerPid) };

progress("starting and asking");
const ready = await times(async () => {
    await bot.stop();
    return await measureReady(bot);
});
const status = await times(async () => measureCommand(bot, "status"));
const help = await times(async () => measureCommand(bot, "--help"));

const [own, peer, floor] = [median(reinvites.bot.slice(1)), median(reinvites.peer.slice(1)), median(reinvites.floor.slice(1))];
console.log(`\nFrom an invite to the re-invite, in a room with a handful of sessions (${rounds} rounds in turn)\n`);
console.log(
    table([
        ["", "median", "fastest", "slowest", "the first", "bot / this", "limit", ""],
        ["bot", milliseconds(own), ...extremes(reinvites.bot), "", "", ""],
        ["matrix-js-sdk peer", milliseconds(peer), ...extremes(reinvites.peer), (own / peer).toFixed(2), "0.5", verdict(own / peer, 0.5)],
        [
            "same calls, bare HTTP",
            milliseconds(floor),
            ...extremes(reinvites.floor),
            (own / floor).toFixed(2),
            "2",
            verdict(own / floor, 2),
        ],
    ]),
);
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
console.log(`\nPeak memory: bot ${memory.bot}, peer ${memory.peer}`);

async function times(measure: () => Promise<number>): Promise<readonly number[]> {
    const values: number[] = [];
    for (let round = 0; round < 7; round += 1) values.push(await measure());
    return values;
}

function extremes([first = Number.NaN, ...later]: readonly number[]): readonly string[] {
    return [Math.min(...later), Math.max(...later), first].map(milliseconds);
}

/** The largest resident set that a process has had; only Linux tells. */
function peakMemory(pid: number): string {
    try {
        const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return `${(Number(kilobytes) / 1024).toFixed(0)} MB`;
    } catch {
        return "unknown";
    }
}
