import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Bot } from "../test/bot/index.ts";
import { until } from "../test/process/index.ts";

/** Milliseconds from the start of the process to its first "healthy" over the control socket. */
export async function measureReady(bot: Bot): Promise<number> {
    const start = performance.now();
    bot.launch();
    await until("the bot to be healthy", async () => isHealthy(join(bot.dataFolder, "backscroll.sock")), { everyMs: 10 });
    return performance.now() - start;
}

/** Milliseconds that a command takes from start to end. */
export async function measureCommand(bot: Bot, ...args: readonly string[]): Promise<number> {
    const start = performance.now();
    const { code, output } = await bot.command(...args);
    if (code !== 0) throw new Error(`backscroll ${args.join(" ")} ended with ${code ?? "a signal"}:\n${output}`);
    return performance.now() - start;
}

async function isHealthy(socketPath: string): Promise<boolean> {
    const socket = connect(socketPath);
    try {
        await once(socket, "connect");
        socket.write(`${JSON.stringify({ id: 1, operation: "health", params: {} })}\n`);
        for await (const line of createInterface({ input: socket })) {
            return (JSON.parse(line) as { result?: { healthy?: boolean } }).result?.healthy === true;
        }
        return false;
    } catch {
        return false;
    } finally {
        socket.destroy();
    }
}
