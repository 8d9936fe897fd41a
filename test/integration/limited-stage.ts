import type { Bot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { until } from "../process/index.ts";
import type { Synapse } from "../synapse/index.ts";
import { Inviter } from "./inviter.ts";
import { Scene } from "./scene.ts";

/**
 * A homeserver that limits what people say and whom they invite as Synapse does out of the box, a bot, and Alice. She
 * makes the rooms, is not limited, and counts against nobody: every limit is as good as new when a story begins.
 */
export class LimitedStage {
    readonly scene: Scene<Synapse>;
    readonly bot: Bot;
    readonly alice: Client;

    private constructor(scene: Scene<Synapse>, bot: Bot, alice: Client) {
        this.scene = scene;
        this.bot = bot;
        this.alice = alice;
    }

    static async open(): Promise<LimitedStage> {
        const scene = await Scene.alone({ rateLimits: "people" });
        const [bot, alice] = await Promise.all([scene.bot({ CHAT_GREETING: "false" }), scene.person("alice")]);
        await scene.synapse.liftLimits(alice.userId);
        return new LimitedStage(scene, bot, alice);
    }

    async inviter(name: string): Promise<Inviter> {
        return await Inviter.login(this.scene.synapse, await this.scene.user(name));
    }

    /** A room of Alice's with something in it to read, in which the inviter may invite, and the bot if it is there. */
    async roomFor(inviter: Inviter, { withBot }: { readonly withBot: boolean } = { withBot: true }): Promise<string> {
        const { alice, bot } = this;
        const roomId = await alice.do("createRoom", { name: "a room" });
        await alice.do("inviteWithoutSharing", roomId, inviter.userId);
        await inviter.join(roomId);
        if (withBot) {
            await alice.do("inviteWithoutSharing", roomId, bot.userId);
            await until(
                "the bot to join",
                async () => (await alice.do("membership", roomId, bot.userId))?.membership === "join",
            );
        }
        await alice.do("send", roomId, "a message");
        return roomId;
    }

    /** People with a signed device each, at which nobody sits. */
    async people(count: number): Promise<readonly string[]> {
        const userIds: string[] = [];
        for (let number = 0; number < count; number += 1) userIds.push(await this.scene.absent("invitee"));
        return userIds;
    }

    /** People of whom there is nothing but an account. */
    async accounts(count: number): Promise<readonly string[]> {
        return await Promise.all(Array.from({ length: count }, async () => (await this.scene.user("account")).userId));
    }

    /** Whom the bot has invited, in the order in which it did. */
    async invitedByBot(roomId: string): Promise<readonly string[]> {
        const filter = JSON.stringify({ types: ["m.room.member"], senders: [this.bot.userId] });
        const query = new URLSearchParams({ dir: "f", limit: "200", filter });
        const path = `/rooms/${encodeURIComponent(roomId)}/messages?${query.toString()}`;
        const { chunk } = (await this.alice.do("request", "GET", path)) as {
            chunk: readonly { readonly state_key: string; readonly content: { readonly membership: string } }[];
        };
        return chunk.filter(({ content }) => content.membership === "invite").map(({ state_key: userId }) => userId);
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.scene[Symbol.asyncDispose]();
    }
}
