import type { Bot } from "../test/bot/index.ts";

/** Milliseconds from the start of the process until it says that it is ready: logged in, cross-signed, its first sync recorded. */
export async function measureReady(bot: Bot): Promise<number> {
    const start = performance.now();
    await bot.run();
    return performance.now() - start;
}

/** Milliseconds that a command takes from start to end. */
export async function measureCommand(bot: Bot, ...args: readonly string[]): Promise<number> {
    const start = performance.now();
    const { code, output } = await bot.command(...args);
    if (code !== 0) throw new Error(`backscroll ${args.join(" ")} ended with ${code ?? "a signal"}:\n${output}`);
    return performance.now() - start;
}
