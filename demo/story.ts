import { join } from "node:path";
import { Bot, reinvited, roomWithBot } from "../test/bot/index.ts";
import { Client, type TimelineMessage } from "../test/clients/index.ts";
import { Synapse } from "../test/synapse/index.ts";
import type { Narrator } from "./narrator.ts";

const executable = join(import.meta.dirname, "../dist/main.js");

const said = [
    "Welcome to the project!",
    "The door code is 4711, please do not pass it on.",
    "We meet on Thursdays at ten.",
] as const;

/**
 * The main job, on a real homeserver: Alice talks in an encrypted room, invites Charlie with a plain invite, and he
 * reads what was said before he came. Everything that is started goes onto `stage`. Answers whether he could read it
 * all.
 */
export async function play(narrator: Narrator, stage: AsyncDisposableStack): Promise<boolean> {
    narrator.chapter("The stage");
    const synapse = stage.use(await Synapse.start({ progress: (line) => narrator.passing(line) }));
    narrator.done(`a Synapse of its own on ${synapse.url}`);
    const bot = await startBot(narrator, stage, synapse);
    const [alice, charlie] = await Promise.all(
        ["alice", "charlie"].map(async (name) =>
            stage.use(await Client.start({ url: synapse.url, user: await synapse.register(name) })),
        ),
    );
    if (alice === undefined || charlie === undefined) throw new Error("two clients were started");
    narrator.done("Alice and Charlie, each with matrix-js-sdk and one device signed by its owner");

    narrator.chapter("Alice talks in an encrypted room");
    const roomId = await roomWithBot(alice, bot);
    narrator.done("Alice made an encrypted room and invited the bot; it joined and said what it does");
    for (const text of said) {
        await alice.do("send", roomId, text);
        narrator.says("Alice", text);
    }

    narrator.chapter("Charlie is invited");
    const invitedAt = performance.now();
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    narrator.tell("Alice invites Charlie: a plain invite, her client shares nothing");
    await reinvited(charlie, roomId, bot);
    const seconds = ((performance.now() - invitedAt) / 1000).toFixed(2);
    narrator.done(
        `after ${seconds} s the bot has sent the keys to Charlie's device and invited him again, so that his client takes them`,
    );
    await charlie.do("join", roomId);
    narrator.done("Charlie joins");

    narrator.chapter("What Charlie can read");
    const timeline = await readInFull(charlie, roomId);
    for (const message of timeline) {
        const name = message.sender === alice.userId ? "Alice" : "The bot";
        if (message.text === null) narrator.wrong(`${name}: not decrypted (${message.failure ?? "unknown"})`);
        else narrator.says(name, message.text);
    }

    narrator.chapter("backscroll status");
    narrator.verbatim((await bot.command("status")).output);
    const readAll = said.every((text) => timeline.some((message) => message.text === text));
    if (!readAll) {
        narrator.chapter("The bot's log");
        narrator.verbatim(bot.process.output);
    }
    return readAll;
}

async function startBot(narrator: Narrator, stage: AsyncDisposableStack, synapse: Synapse): Promise<Bot> {
    const started = performance.now();
    const bot = stage.use(new Bot(synapse, await synapse.register("backscroll"), { LOG_LEVEL: "info" }, executable));
    narrator.passing("starting the bot");
    await bot.run();
    narrator.done(
        `the bot, started as an operator would (backscroll run), ready after ${((performance.now() - started) / 1000).toFixed(1)} s`,
    );
    return bot;
}

/** The timeline once everything in it can be read; as it is after 20 s otherwise. */
async function readInFull(charlie: Client, roomId: string): Promise<readonly TimelineMessage[]> {
    try {
        return await charlie.reads(roomId, said, 20_000);
    } catch {
        return await charlie.do("timeline", roomId);
    }
}
