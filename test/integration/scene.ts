import { Bot, reinvited } from "../bot/index.ts";
import { Client, type ClientOptions, leaveDevice } from "../clients/index.ts";
import { Synapse, type SynapseOptions, type SynapseUser } from "../synapse/index.ts";

/** A homeserver and whoever plays on it; everything ends with the scene. Names are made unique, so that stories share a scene. */
export class Scene {
    readonly synapse: Synapse;
    readonly #cast = new AsyncDisposableStack();
    #people = 0;

    private constructor(synapse: Synapse) {
        this.synapse = this.#cast.use(synapse);
    }

    static async open(options?: SynapseOptions): Promise<Scene> {
        return new Scene(await Synapse.start(options));
    }

    /** A new user with that name in front, and one signed device. */
    async person(name: string, identity?: ClientOptions["identity"]): Promise<Client> {
        return await this.device(await this.user(name), identity === undefined ? {} : { identity });
    }

    async user(name: string): Promise<SynapseUser> {
        this.#people += 1;
        return await this.synapse.register(`${name}${this.#people}`);
    }

    async device(user: SynapseUser, options: Pick<ClientOptions, "deviceId" | "identity"> = {}): Promise<Client> {
        return this.#cast.use(await Client.start({ url: this.synapse.url, user, ...options }));
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
