import { argument, fingerprint, option, userId } from "./arguments.ts";
import type { Invocation } from "./context.ts";
import { conclude, withBot } from "./with-bot.ts";

export async function trust(invocation: Invocation): Promise<number> {
    const user = userId(argument(invocation, 0), { name: "USER", command: "trust" });
    const key = fingerprint(option(invocation, "key") ?? "", { name: "--key", command: "trust" });
    return conclude(await withBot(invocation, (bot) => bot.call("trust", { userId: user, fingerprint: key })));
}
