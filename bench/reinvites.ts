import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { join } from "node:path";
import { Bot } from "../test/bot/index.ts";
import { Client } from "../test/clients/index.ts";
import { TemporaryFolder, until } from "../test/process/index.ts";
import { Synapse } from "../test/synapse/index.ts";
import { Api } from "./api.ts";
import { type SeenInvite, watchInvites } from "./invites.ts";
import type { Stage } from "./stage.ts";
import { newSessions } from "./store-sessions.ts";

/** Alice's homeserver, her rooms, and what she sees happen in them. */
export interface Scene {
    readonly synapse: Synapse;
    readonly alice: Client;
    /**
     * Invites these people with bare requests, all at once; answers the milliseconds until the last was invited again
     * by `inviter`.
     */
    readonly reinvited: (roomId: string, inviter: string, invitees: readonly string[]) => Promise<number>;
    /** People with one signed device each, whose keys are on the server; nobody is at it. */
    readonly invitees: (count: number) => Promise<readonly string[]>;
    /** How many files a user has uploaded. */
    readonly uploads: (userId: string) => Promise<number>;
    /** A file with so many sessions of the room. */
    readonly sessions: (roomId: string, count: number) => string;
}

export async function setScene({ disposal, progress }: Stage): Promise<Scene> {
    const synapse = disposal.use(await Synapse.start({ progress }));
    const user = await synapse.register("alice");
    const alice = disposal.use(await Client.start({ url: synapse.url, user }));
    const watcher = await Api.login(synapse.url, user);
    const admin = await synapse.login(await synapse.register("admin", { admin: true }));
    const folder = disposal.use(new TemporaryFolder("bench"));
    const stop = new AbortController();
    disposal.defer(() => stop.abort());
    const seen: (SeenInvite & { readonly at: number })[] = [];
    await watchInvites(watcher, stop.signal, (invite) => void seen.push({ ...invite, at: performance.now() }));
    let people = 0;
    return {
        synapse,
        alice,
        reinvited: async (roomId, inviter, invitees) => {
            const start = performance.now();
            await Promise.all(invitees.map((userId) => watcher.invite(roomId, userId)));
            const again = () =>
                invitees.map(
                    (userId) =>
                        seen.find(
                            (invite) =>
                                invite.roomId === roomId && invite.userId === userId && invite.sender === inviter,
                        )?.at,
                );
            const times = await until(
                `${inviter} to invite ${invitees.length} again`,
                () => {
                    const at = again();
                    return at.every((time) => time !== undefined) && at;
                },
                { everyMs: 5, limitMs: 900_000 },
            );
            return Math.max(...times) - start;
        },
        invitees: async (count) => {
            const made: string[] = [];
            for (let index = 0; index < count; index += 1) {
                await using client = await Client.start({
                    url: synapse.url,
                    user: await synapse.register(`invitee${(people += 1)}`),
                });
                made.push(client.userId);
            }
            return made;
        },
        uploads: async (userId) => {
            const url = `${synapse.url}/_synapse/admin/v1/users/${encodeURIComponent(userId)}/media?limit=1`;
            const answer = await fetch(url, { headers: { authorization: `Bearer ${admin}` } });
            return ((await answer.json()) as { total: number }).total;
        },
        sessions: (roomId, count) => {
            const path = join(folder.path, `${count}-${roomId.slice(1, 8)}.json`);
            writeFileSync(path, JSON.stringify([...newSessions(roomId, count)]));
            return path;
        },
    };
}

/** The bot as shipped, its main thread watched, and nothing of the bot's own holding it back. */
export async function startBot(
    { synapse }: Pick<Scene, "synapse">,
    disposal: AsyncDisposableStack,
    more: Readonly<Record<string, string>> = {},
): Promise<Bot> {
    const settings = {
        LOG_LEVEL: "info",
        SHARING_REINVITE: "always",
        SHARING_REINVITE_PACE: "unlimited",
        SHARING_MAX_INVITEES_PER_HOUR: "1000",
        SHARING_MAX_SESSIONS: "1000000",
        CHAT_GREETING: "false",
        ...more,
    };
    const bot = disposal.use(
        new Bot(synapse, await synapse.register("backscroll"), settings, join(import.meta.dirname, "watched-bot.ts")),
    );
    await bot.run();
    return bot;
}

/** What a main thread was late since the last time this was asked: milliseconds at the 99th percentile. */
export interface Lag {
    readonly bot: number;
    /** This process, which mostly waits: what the machine alone makes of it. */
    readonly ours: number;
}

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

export async function lagOf(bot: Bot): Promise<Lag> {
    const ours = Math.max(0, delay.percentile(99) / 1e6 - 1);
    delay.reset();
    const before = bot.process.lines.filter((line) => line.startsWith("lag ")).length;
    bot.process.signal("SIGUSR2");
    return await until("the bot's clock", () => {
        const line = bot.process.lines.filter((each) => each.startsWith("lag "))[before];
        return line === undefined ? undefined : { bot: Number(line.slice(4)), ours };
    });
}

export async function importKeys(bot: Bot, path: string): Promise<void> {
    const { code, output } = await bot.command("import-keys", path);
    if (code !== 0) throw new Error(`import-keys ended with ${code ?? "a signal"}:\n${output}`);
}
