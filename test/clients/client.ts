import { until } from "../process/index.ts";
import type { SynapseUser } from "../synapse/index.ts";
import { type Answer, type Arguments, Clients, type Operation } from "./clients.ts";
import type { Identity, TimelineMessage } from "./operations.ts";

export interface ClientOptions {
    readonly url: string;
    readonly user: SynapseUser;
    readonly deviceId?: string;
    /** Default: "new". */
    readonly identity?: Identity;
}

/** A person's matrix-js-sdk client, in another process. Every operation answers when the client has done it. */
export class Client {
    readonly userId: string;
    readonly deviceId: string;
    readonly #clients: Clients;
    readonly #number: number;
    readonly #alone: boolean;

    private constructor({ user, deviceId = `${user.localpart.toUpperCase()}1` }: ClientOptions, clients?: Clients) {
        this.userId = user.userId;
        this.deviceId = deviceId;
        this.#alone = clients === undefined;
        this.#clients = clients ?? Clients.open();
        this.#number = this.#clients.next();
    }

    /** In a process of its own, which ends with it, or among `clients`. */
    static async start(options: ClientOptions, clients?: Clients): Promise<Client> {
        const client = new Client(options, clients);
        const { url, user, identity = "new" } = options;
        await client.do("start", {
            url,
            user: user.localpart,
            password: user.password,
            deviceId: client.deviceId,
            identity,
        });
        return client;
    }

    /** Performs one operation in the client's process. Rejects with the client's own words. */
    async do<Name extends Operation>(operation: Name, ...args: Arguments<Name>): Promise<Answer<Name>> {
        return await this.#clients.perform(this.#number, this.userId, operation, args);
    }

    /** Waits until the client can read a message with each of these texts, and answers the whole timeline. */
    async reads(roomId: string, texts: readonly string[], limitMs = 30_000): Promise<readonly TimelineMessage[]> {
        let timeline: readonly TimelineMessage[] = [];
        try {
            return await until(
                `${this.userId} to read ${texts.join(", ")}`,
                async () => {
                    timeline = await this.do("timeline", roomId);
                    return texts.every((text) => timeline.some((message) => message.text === text)) && timeline;
                },
                { limitMs, everyMs: 100 },
            );
        } catch (cause) {
            throw new Error(`${this.userId} sees: ${JSON.stringify(timeline)}`, { cause });
        }
    }

    async [Symbol.asyncDispose](): Promise<void> {
        if (this.#alone) await this.#clients[Symbol.asyncDispose]();
        else await this.do("stop");
    }
}

/** What somebody said, as a timeline shows it; null where it could not be decrypted. */
export function saidBy(
    { userId }: { readonly userId: string },
    timeline: readonly TimelineMessage[],
): readonly (string | null)[] {
    return timeline.filter(({ sender }) => sender === userId).map(({ text }) => text);
}
