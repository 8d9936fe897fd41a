import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { Bot, reinvited } from "../bot/index.ts";
import { Client, type ClientOptions, Clients, leaveDevice } from "../clients/index.ts";
import { Homeserver, Synapse, type SynapseOptions, type SynapseUser } from "../synapse/index.ts";

/**
 * Whoever plays on a homeserver; everybody goes with the scene. Nobody's name is used twice, so that stories share a
 * scene, and scenes a homeserver.
 */
export class Scene<Server extends Homeserver = Homeserver> {
    readonly synapse: Server;
    readonly #cast: AsyncDisposableStack;
    readonly #clients: Clients;
    readonly #tag = randomBytes(3).toString("hex");
    #people = 0;

    private constructor(synapse: Server, cast: AsyncDisposableStack) {
        this.synapse = synapse;
        this.#cast = cast;
        this.#clients = cast.use(Clients.open());
    }

    /** On the homeserver that all stories share: it limits nobody, and never stops. */
    static async open(homeserver = new Homeserver(inject("homeserver"))): Promise<Scene> {
        return await Promise.resolve(new Scene(homeserver, new AsyncDisposableStack()));
    }

    /** On a homeserver of its own: to stop it, or where its settings matter. */
    static async alone(options?: SynapseOptions): Promise<Scene<Synapse>> {
        const cast = new AsyncDisposableStack();
        return new Scene(cast.use(await Synapse.start(options)), cast);
    }

    /** A new user with that name in front, and one signed device. */
    async person(name: string, identity?: ClientOptions["identity"]): Promise<Client> {
        return await this.device(await this.user(name), identity === undefined ? {} : { identity });
    }

    async user(name: string): Promise<SynapseUser> {
        this.#people += 1;
        return await this.synapse.register(`${name}${this.#people}-${this.#tag}`);
    }

    async device(user: SynapseUser, options: Pick<ClientOptions, "deviceId" | "identity"> = {}): Promise<Client> {
        return await Client.start({ url: this.synapse.url, user, ...options }, this.#clients);
    }

    /** The ID of a new user with one signed device, at which nobody sits. */
    async absent(name: string): Promise<string> {
        const user = await this.user(name);
        await leaveDevice(this.synapse, user);
        return user.userId;
    }

    async bot(settings?: Readonly<Record<string, string>>): Promise<Bot> {
        return await this.botOf(await this.user("backscroll"), settings);
    }

    async botOf(user: SynapseUser, settings?: Readonly<Record<string, string>>): Promise<Bot> {
        const bot = this.#cast.use(new Bot(this.synapse, user, settings));
        await bot.run();
        return bot;
    }

    /** A bot that nobody has started yet. */
    async restingBot(settings?: Readonly<Record<string, string>>): Promise<Bot> {
        return this.#cast.use(new Bot(this.synapse, await this.user("backscroll"), settings));
    }

    /** Somebody new is invited by `inviter`, joins, and reads these messages: the bot has done its work. */
    async newcomerReads(inviter: Client, bot: Bot, roomId: string, texts: readonly string[]): Promise<void> {
        const newcomer = await this.person("newcomer");
        await inviter.do("inviteWithoutSharing", roomId, newcomer.userId);
        await reinvited(newcomer, roomId, bot);
        await newcomer.do("join", roomId);
        await newcomer.reads(roomId, texts);
    }

    /** A bare login, for an operator who gives the bot a token. */
    async login(user: SynapseUser): Promise<{ readonly token: string }> {
        return { token: await this.synapse.login(user, "TOKEN") };
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.#cast[Symbol.asyncDispose]();
    }
}
