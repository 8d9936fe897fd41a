import { Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, saidBy } from "../clients/index.ts";
import { type Exchange, Proxy, type Request } from "../proxy/index.ts";
import type { Scene } from "./scene.ts";

/** SIGKILL: the request is not to reach the homeserver, its answer is not to reach the bot, or some instants later. */
export const moments = ["before", "after", "soon"] as const;
export type Moment = (typeof moments)[number];

const said = ["the first message", "in a second session"] as const;
/** The longest that `soon` is, in milliseconds. */
const soonMs = 40;

/** What there was of each at the end. */
export interface Outcome {
    readonly greetings: readonly ("readable" | "unreadable")[];
    readonly jobs: readonly {
        readonly inviter: string;
        readonly devices: readonly { readonly device_id: string; readonly state: string }[];
    }[];
    /** Places in the media repository that something was sent to. */
    readonly uploads: number;
    /** Invites of Charlie by the bot among the room's events. */
    readonly reinvites: number;
    /**
     * To-device requests that were repeated under their transaction ID with other bytes: their recipients would have
     * either, or both.
     */
    readonly rewritten: readonly string[];
}

/** The demo's story, with a bot that is killed once and started again. */
export class KilledStory implements AsyncDisposable {
    readonly #alice: Client;
    readonly #charlie: Client;
    readonly #bot: Bot;
    readonly #proxy: Proxy;
    readonly #logs: string[] = [];
    #kill: Promise<void> | undefined;

    private constructor(people: readonly [Client, Client], bot: Bot, proxy: Proxy) {
        [this.#alice, this.#charlie] = people;
        this.#bot = bot;
        this.#proxy = proxy;
    }

    static async open(scene: Scene, people: readonly [Client, Client]): Promise<KilledStory> {
        const proxy = await Proxy.open(scene.synapse.url);
        const user = await scene.user("backscroll");
        return new KilledStory(people, new Bot(scene.synapse, user, { HOMESERVER_URL: proxy.url }), proxy);
    }

    /**
     * Plays it to its end, Charlie reading everything, with a kill at the first request that `chosen` accepts.
     * @throws with the bot's log, if it does not come to that end
     */
    async play(chosen: (request: Request) => boolean, moment: Moment): Promise<Outcome> {
        this.#proxy.script = async (request) => {
            if (this.#kill !== undefined || !chosen(request)) return undefined;
            switch (moment) {
                case "before":
                    await (this.#kill = this.#killAndRestart());
                    return { kind: "break_before" };
                case "after":
                    return { kind: "break_after", happens: () => (this.#kill = this.#killAndRestart()) };
                case "soon":
                    setTimeout(() => void this.#killAndRestart(), Math.random() * soonMs);
                    this.#kill = Promise.resolve();
                    return undefined;
            }
        };
        try {
            this.#bot.launch();
            return await this.#tell();
        } catch (cause) {
            throw new Error(`it said:\n${[...this.#logs, this.#bot.process.output].join("\n-- killed --\n")}`, {
                cause,
            });
        }
    }

    get killed(): boolean {
        return this.#kill !== undefined;
    }

    /** What `play` answers if all is well. */
    get wellEnded(): Outcome {
        const devices = [{ device_id: this.#charlie.deviceId, state: "sent" }];
        return {
            greetings: ["readable"],
            jobs: [{ inviter: this.#alice.userId, devices }],
            uploads: 1,
            reinvites: 1,
            rewritten: [],
        };
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.#bot[Symbol.asyncDispose]();
        await this.#proxy[Symbol.asyncDispose]();
    }

    async #killAndRestart(): Promise<void> {
        const { process } = this.#bot;
        await this.#bot.kill();
        this.#logs.push(process.output);
        this.#bot.launch();
    }

    async #tell(): Promise<Outcome> {
        const [alice, charlie, bot] = [this.#alice, this.#charlie, this.#bot];
        const roomId = await roomWithBot(alice, bot);
        await alice.do("send", roomId, said[0]);
        await alice.do("rotateSession", roomId);
        await alice.do("send", roomId, said[1]);
        await alice.do("inviteWithoutSharing", roomId, charlie.userId);
        await reinvited(charlie, roomId, bot);
        await charlie.do("join", roomId);
        const timeline = await charlie.reads(roomId, said);
        await bot.job(roomId, charlie.userId, "joined", "done");
        const { jobs } = await bot.status("--room", roomId);
        const shown = jobs.map(({ inviter, devices }) => {
            return { inviter, devices: devices.map(({ device_id, state }) => ({ device_id, state })) };
        });
        const { exchanges } = this.#proxy;
        const uploads = exchanges.filter(({ endpoint }) => endpoint === "PUT /media/upload/*");
        return {
            greetings: saidBy(bot, timeline).map((text) => (text === null ? "unreadable" : "readable")),
            jobs: shown,
            uploads: new Set(uploads.map(({ path }) => path)).size,
            reinvites: await this.#reinvites(roomId),
            rewritten: rewritten(exchanges),
        };
    }

    async #reinvites(roomId: string): Promise<number> {
        const path = `/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=100`;
        const { chunk } = (await this.#alice.do("request", "GET", path)) as { readonly chunk: readonly object[] };
        const events = chunk.filter((event) => "type" in event && event.type === "m.room.member");
        return events.filter(
            (event) =>
                "sender" in event &&
                event.sender === this.#bot.userId &&
                "state_key" in event &&
                event.state_key === this.#charlie.userId,
        ).length;
    }
}

function rewritten(exchanges: readonly Exchange[]): readonly string[] {
    const first = new Map<string, Buffer>();
    return exchanges.flatMap(({ endpoint, path, body }) => {
        if (!endpoint.startsWith("PUT /sendToDevice/")) return [];
        const before = first.get(path) ?? body;
        first.set(path, before);
        return before.equals(body) ? [] : [path];
    });
}
