import type { Bot } from "../../bot/index.ts";
import type { Client } from "../../clients/index.ts";
import { until } from "../../process/index.ts";
import { Scene } from "../scene.ts";
import { asCompanion, castHosts, type Host, type HostName, ofAnotherClient, ofSdk } from "./hosts.ts";
import { type Act, actsOf, type RoomKind } from "./room-kinds.ts";
import { SharedStatus } from "./shared-status.ts";

/** Milliseconds by which the bot's clock is set ahead, so that a room's history has been open for long. */
const ahead = 120_000;

type Membership = "join" | "leave";

/** Messages that the newcomer can read before the join and after it. */
export interface Read {
    readonly before: number;
    readonly after: number;
}

interface Cast {
    readonly scene: Scene;
    readonly bot: Bot;
    readonly newcomer: Client;
    /** They keep their keys from devices that they have not verified. */
    readonly withholder: Client;
    readonly hosts: Readonly<Record<HostName, Host>>;
}

/** One homeserver, one bot, one newcomer, and everybody who invites. */
export class OrdinaryRooms {
    readonly bot: Bot;
    readonly status: SharedStatus;
    readonly newcomer: Client;
    readonly #scene: Scene;
    readonly #withholder: Client;
    readonly #hosts: Cast["hosts"];

    private constructor({ scene, bot, newcomer, withholder, hosts }: Cast) {
        this.bot = bot;
        this.status = new SharedStatus(bot);
        this.newcomer = newcomer;
        this.#scene = scene;
        this.#withholder = withholder;
        this.#hosts = hosts;
    }

    static async open(): Promise<OrdinaryRooms> {
        await using opened = new AsyncDisposableStack();
        const scene = opened.use(await Scene.open());
        const bot = await scene.restingBot({ SHARING_REINVITE_PACE: "unlimited", CHAT_GREETING: "false" });
        const [hosts, newcomer, withholder] = await Promise.all([
            castHosts(scene),
            scene.person("newcomer"),
            scene.person("bob"),
            bot.runWithOwnClock(),
        ]);
        const stage = new OrdinaryRooms({ scene, bot, newcomer, withholder, hosts });
        await Promise.all([stage.#showBundle(hosts.proven), stage.#showKeyWithoutFlag(hosts["hardly, no flag"])]);
        opened.move();
        return stage;
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.#scene[Symbol.asyncDispose]();
    }

    host(name: HostName): Host {
        return this.#hosts[name];
    }

    /** Plays a room with the bot or without it, up to the newcomer's invite. Answers its ID. */
    async play(kind: RoomKind, host: Host, bot: Bot | undefined): Promise<string> {
        const acts = actsOf(kind);
        const withholds = acts.some(({ by }) => by !== undefined);
        const roomId = await this.#open(host, kind, withholds);
        let isIn: Act["bot"] = "out";
        let said = 0;
        for (const act of acts) {
            if (bot !== undefined && act.bot !== isIn) await moveBot(host, roomId, bot, act.bot);
            isIn = act.bot;
            const keysTo = bot === undefined || isIn === "out" ? [] : await host.owner.do("devices", bot.userId);
            const speak = act.by === undefined ? host.voices : [ofSdk(this.#withholder)];
            const voices = await Promise.all(speak.map(async (voice) => await voice(roomId, keysTo)));
            for (const last = said + act.messages; said < last; said += 1) {
                await voices[said % voices.length]?.(`message ${said + 1}`);
            }
        }
        return roomId;
    }

    /** Has the newcomer join on this invite, and waits until they read as many messages as expected, or in vain. */
    async join(roomId: string, inviter: string, expected: number): Promise<Read> {
        const { newcomer } = this;
        const invitedBy = async () => (await newcomer.do("membership", roomId, newcomer.userId))?.sender;
        await until(`the invite of ${inviter}`, async () => (await invitedBy()) === inviter);
        const before = await this.#readable(roomId);
        await newcomer.do("join", roomId);
        let after = 0;
        const enough = async (): Promise<boolean> => (after = await this.#readable(roomId)) >= expected;
        await until("the newcomer to read", enough, { limitMs: 10_000 }).catch(() => undefined);
        return { before, after };
    }

    async #readable(roomId: string): Promise<number> {
        return (await this.newcomer.do("timeline", roomId)).filter(({ text }) => text !== null).length;
    }

    async #open(host: Host, name: string, withholds: boolean): Promise<string> {
        const withholder = this.#withholder;
        const others = [...host.companions, ...(withholds ? [asCompanion(withholder)] : [])];
        const roomId = await host.owner.do("createRoom", { name, invite: others.map(({ userId }) => userId) });
        for (const other of others) {
            await other.join(roomId);
            await seeAs(host.speakers, roomId, other.userId, "join");
        }
        const known = host.speakers.map(({ userId, deviceId }) => ({ userId, deviceId }));
        if (withholds) await withholder.do("excludeUnverified", known);
        return roomId;
    }

    /** An earlier room, into which they invited the bot with a bundle. */
    async #showBundle({ owner }: Host): Promise<void> {
        const roomId = await owner.do("createRoom", { name: "an earlier room" });
        await owner.do("send", roomId, "said before the bot came");
        await owner.do("inviteWithSharing", roomId, this.bot.userId);
        await until("the bundle", async () => {
            const [room] = (await this.bot.status("--room", roomId)).rooms;
            return room?.received_bundle?.state === "taken";
        });
    }

    /** An earlier room, whose history had been open for long when they sent a key without a flag. */
    async #showKeyWithoutFlag(host: Host): Promise<void> {
        const { bot, status } = this;
        const { owner } = host;
        const roomId = await owner.do("createRoom", { name: "an earlier room" });
        await host.inviteBot(roomId, bot.userId);
        await status.room(roomId, { visibility: "shared" });
        bot.moveClock(ahead);
        await bot.process.line((line) => line.includes(`the clock is off by ${ahead} ms`));
        const say = await ofAnotherClient(owner, {})(roomId, await owner.do("devices", bot.userId));
        await say("said later");
        const sessions = { shareable: 0, not_shareable: 1, unknown: 0, missing: 0 };
        await status.room(roomId, { sessions });
    }
}

async function moveBot(host: Host, roomId: string, { userId }: Bot, to: Act["bot"]): Promise<void> {
    if (to === "in") await host.inviteBot(roomId, userId);
    else await host.owner.do("kick", roomId, userId);
    await seeAs([host.owner, ...host.speakers], roomId, userId, to === "in" ? "join" : "leave");
}

/** Who encrypts has to know who is in the room. */
async function seeAs(clients: readonly Client[], room: string, userId: string, expected: Membership): Promise<void> {
    for (const client of clients) {
        const seen = async () => (await client.do("membership", room, userId))?.membership;
        await until(`${userId} at ${expected}`, async () => (await seen()) === expected);
    }
}
