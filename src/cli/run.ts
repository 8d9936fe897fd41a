import { loadSettings } from "../config/index.ts";
import type { Invocation } from "./context.ts";

export async function run(invocation: Invocation): Promise<number> {
    const loaded = loadSettings(invocation);
    const { runBot } = await import("../bot/index.ts");
    return await runBot(loaded);
}
