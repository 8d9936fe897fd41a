import { join } from "node:path";
import { Program, until } from "../process/index.ts";
import type { SynapseUser } from "../synapse/index.ts";
import type { ClientOperations, Identity, OperationAnswer, OperationRequest, TimelineMessage } from "./operations.ts";

export interface ClientOptions {
    readonly url: string;
    readonly user: SynapseUser;
    readonly deviceId?: string;
    /** Default: "new". */
    readonly identity?: Identity;
}

interface Pending {
    readonly resolve: (result: unknown) => void;
    readonly reject: (cause: Error) => void;
}

/** A person's matrix-js-sdk client, in a process of its own. Every operation answers when the client has done it. */
export class Client {
    readonly userId: string;
    readonly deviceId: string;
    readonly #process: Program;
    readonly #pending = new Map<number, Pending>();
    #lastId = 0;

    private constructor({ user, deviceId = `${user.localpart.toUpperCase()}1` }: ClientOptions) {
        this.userId = user.userId;
        this.deviceId = deviceId;
        this.#process = new Program({
            name: `the client of ${user.localpart}`,
            command: process.execPath,
            args: [join(import.meta.dirname, "client-process.ts")],
        });
        this.#process.onLine((line) => this.#answer(line));
        void this.#process.exited.then(() => this.#ended());
    }

    static async start(options: ClientOptions): Promise<Client> {
        const client = new Client(options);
        const { url, user, identity = "new" } = options;
        await client.do("start", { url, user: user.localpart, password: user.password, deviceId: client.deviceId, identity });
        return client;
    }

    /** Performs one operation in the client's process. Rejects with the client's own words. */
    async do<Name extends keyof ClientOperations>(
        operation: Name,
        ...args: Parameters<ClientOperations[Name]>
    ): Promise<Awaited<ReturnType<ClientOperations[Name]>>> {
        this.#lastId += 1;
        const request: OperationRequest = { id: this.#lastId, operation, args };
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        this.#pending.set(request.id, { resolve, reject });
        if (!this.#process.running) this.#ended();
        this.#process.write(JSON.stringify(request));
        return (await promise) as Awaited<ReturnType<ClientOperations[Name]>>;
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
        await this.#process.kill();
    }

    #answer(line: string): void {
        if (!line.startsWith('{"id":')) return;
        const answer = JSON.parse(line) as OperationAnswer;
        const pending = this.#pending.get(answer.id);
        this.#pending.delete(answer.id);
        if ("error" in answer) pending?.reject(new Error(`${this.userId}: ${answer.error}`));
        else pending?.resolve(answer.result);
    }

    #ended(): void {
        for (const { reject } of this.#pending.values()) reject(new Error(`the client of ${this.userId} ended:\n${this.#process.output}`));
        this.#pending.clear();
    }
}

/** What somebody said, as a timeline shows it; null where it could not be decrypted. */
export function saidBy({ userId }: { readonly userId: string }, timeline: readonly TimelineMessage[]): readonly (string | null)[] {
    return timeline.filter(({ sender }) => sender === userId).map(({ text }) => text);
}
