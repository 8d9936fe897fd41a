import { type Bot, reinvited, roomWithBot } from "../../bot/index.ts";
import type { Client } from "../../clients/index.ts";
import { until } from "../../process/index.ts";
import { type Exchange, Proxy } from "../../proxy/index.ts";
import { Scene } from "../scene.ts";
import { type FaultName, faults } from "./faults.ts";

/** Requests of the bot from a human's invite to the day after, in the order in which they are first made. */
export const storyRequests = [
    "GET /sync",
    "POST /media/create",
    "PUT /media/upload/*",
    "POST /keys/query",
    "POST /keys/claim",
    "PUT /sendToDevice/m.room.encrypted/*",
    "GET /rooms/*/state/m.room.member/*",
    "PUT /rooms/*/state/m.room.member/*",
] as const;

export type StoryRequest = (typeof storyRequests)[number];

/** A bot behind the proxy, in a room of Alice's; every cell of the matrix is an invitee of its own. */
export class FaultStage {
    readonly scene: Scene;
    readonly bot: Bot;
    readonly proxy: Proxy;
    readonly roomId: string;
    readonly #alice: Client;
    readonly #proxyCloses: AsyncDisposableStack;
    #told = 0;

    private constructor(
        parts: Pick<FaultStage, "scene" | "bot" | "proxy" | "roomId">,
        alice: Client,
        closes: AsyncDisposableStack,
    ) {
        this.scene = parts.scene;
        this.bot = parts.bot;
        this.proxy = parts.proxy;
        this.roomId = parts.roomId;
        this.#alice = alice;
        this.#proxyCloses = closes;
    }

    static async open(): Promise<FaultStage> {
        await using opened = new AsyncDisposableStack();
        const scene = opened.use(await Scene.open());
        const proxy = opened.use(await Proxy.open(scene.synapse.url));
        // Faults are what is tried here, not limits: the whole matrix invites more people in an hour than a room's
        // default lets through.
        const unlimited = { SHARING_MAX_INVITEES_PER_HOUR: "1000", SHARING_REINVITE_PACE: "unlimited" };
        const [bot, alice] = await Promise.all([
            scene.bot({ HOMESERVER_URL: proxy.url, ...unlimited }),
            scene.person("alice"),
        ]);
        const roomId = await roomWithBot(alice, bot);
        return new FaultStage({ scene, bot, proxy, roomId }, alice, opened.move());
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.#proxyCloses[Symbol.asyncDispose]();
    }

    /**
     * Plays the story for a new invitee while `fault` befalls the first request of that kind, to its good end: the
     * invitee reads what was said before. Answers what the bot asked for meanwhile, and what of it was done twice and
     * must not be.
     */
    async play(
        request: StoryRequest,
        fault: FaultName | undefined,
    ): Promise<{ readonly requests: ReadonlySet<string>; readonly twice: readonly string[] }> {
        const { scene, bot, proxy, roomId } = this;
        await using invitee = await scene.person("invitee");
        // A session of its own, so that there is something to build and upload.
        this.#told += 1;
        const text = `said before invitee ${this.#told}`;
        await this.#alice.do("rotateSession", roomId);
        await this.#alice.do("send", roomId, text);
        await this.#heard();

        const start = proxy.exchanges.length;
        const struck = this.#strike(request, fault);
        await this.#alice.do("inviteWithoutSharing", roomId, invitee.userId);
        await reinvited(invitee, roomId, bot);
        await until(`${request} to be struck`, () => struck.done);
        await invitee.do("join", roomId);
        await invitee.reads(roomId, [text]);
        const job = await bot.job(roomId, invitee.userId, "joined", "done");
        if (job.devices.some(({ state }) => state !== "sent"))
            throw new Error(`devices were left out: ${JSON.stringify(job)}`);
        const exchanges = proxy.exchanges.slice(start);
        return {
            requests: new Set(exchanges.map(({ endpoint }) => endpoint)),
            twice: doneTwice(exchanges, invitee.userId),
        };
    }

    /** Waits until the bot holds the newest session: what it heard belongs to this story, not to its faults. */
    async #heard(): Promise<void> {
        await until("the bot to hear the newest session", async () => {
            const [room] = (await this.bot.status("--room", this.roomId)).rooms;
            return room !== undefined && (room.sessions.shareable ?? 0) > this.#told;
        });
    }

    #strike(request: StoryRequest, fault: FaultName | undefined): { readonly done: boolean } {
        const struck = { done: fault === undefined };
        this.proxy.script = ({ endpoint }) => {
            if (fault === undefined || struck.done || endpoint !== request) return undefined;
            struck.done = true;
            return faults[fault];
        };
        return struck;
    }
}

/** A second file, a second invite, and another body under the same transaction ID are what nobody may see. */
function doneTwice(exchanges: readonly Exchange[], invitee: string): readonly string[] {
    const made = (endpoint: StoryRequest) =>
        exchanges.filter(
            (exchange) =>
                exchange.endpoint === endpoint && exchange.answered !== undefined && exchange.answered.status < 300,
        );
    const uploads = new Set(made("PUT /media/upload/*").map(({ path }) => path));
    const invites = new Set(made("PUT /rooms/*/state/m.room.member/*").map(({ answered }) => String(answered?.body)));
    const messages = made("PUT /sendToDevice/m.room.encrypted/*").filter(({ body }) =>
        body.includes(JSON.stringify(invitee)),
    );
    const bodies = Map.groupBy(messages, ({ path }) => path);
    return [
        ...(uploads.size > 1 ? [`${uploads.size} files`] : []),
        ...(invites.size > 1 ? [`${invites.size} invites`] : []),
        ...[...bodies].flatMap(([path, sent]) =>
            new Set(sent.map(({ body }) => String(body))).size > 1 ? [`two bodies under ${path}`] : [],
        ),
    ];
}
