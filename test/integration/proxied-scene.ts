import { type Bot, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { Proxy } from "../proxy/index.ts";
import type { Homeserver } from "../synapse/index.ts";
import type { Scene } from "./scene.ts";

/**
 * A scene with Alice and a bot whose requests all pass a proxy. Nothing is limited on its homeserver, and the bot does
 * not greet.
 */
export class ProxiedScene<Server extends Homeserver = Homeserver> {
    readonly scene: Scene<Server>;
    readonly proxy: Proxy;
    readonly bot: Bot;
    readonly alice: Client;

    private constructor(parts: Pick<ProxiedScene<Server>, "scene" | "proxy" | "bot" | "alice">) {
        this.scene = parts.scene;
        this.proxy = parts.proxy;
        this.bot = parts.bot;
        this.alice = parts.alice;
    }

    /** On the scene's homeserver; ends the scene with itself. */
    static async open<Server extends Homeserver>(scene: Scene<Server>): Promise<ProxiedScene<Server>> {
        const proxy = await Proxy.open(scene.synapse.url);
        const settings = { HOMESERVER_URL: proxy.url, SHARING_REINVITE_PACE: "unlimited", CHAT_GREETING: "false" };
        const [bot, alice] = await Promise.all([scene.bot(settings), scene.person("alice")]);
        return new ProxiedScene({ scene, proxy, bot, alice });
    }

    /** A room of Alice's with the bot and one message. */
    async roomWithMessage(): Promise<string> {
        const roomId = await roomWithBot(this.alice, this.bot, { greeted: false });
        await this.alice.do("send", roomId, "a message");
        return roomId;
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.scene[Symbol.asyncDispose]();
        await this.proxy[Symbol.asyncDispose]();
    }
}
