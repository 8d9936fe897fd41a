import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";

/** What the bot gets instead of the homeserver's answer. */
export interface Answer {
    readonly status: number;
    readonly body: object;
}

/** Called before a request goes on; `path` is decoded, without its query. */
export type Interception = (method: string, path: string) => Answer | undefined | Promise<Answer | undefined>;

/** Stands between a bot and its homeserver: remembers the access tokens that come by, and lets a story have its say before a request goes on. */
export class Wiretap {
    readonly tokens = new Set<string>();
    intercept: Interception = () => undefined;
    readonly url: string;
    readonly #server: Server;

    private constructor(server: Server, target: string) {
        this.#server = server;
        const address = server.address();
        this.url = `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`;
        server.on("request", (from, to) => {
            this.#pass(from, to, target).catch((error: unknown) => to.destroy(error instanceof Error ? error : undefined));
        });
    }

    static async open(target: string): Promise<Wiretap> {
        const server = createServer().listen(0, "127.0.0.1");
        await once(server, "listening");
        return new Wiretap(server, target);
    }

    async #pass(from: IncomingMessage, to: ServerResponse, target: string): Promise<void> {
        const token = from.headers.authorization?.replace(/^Bearer /, "");
        if (token !== undefined) this.tokens.add(token);
        const { method = "GET", headers } = from;
        const answer = await this.intercept(method, decodeURIComponent(new URL(from.url ?? "/", target).pathname));
        if (answer !== undefined) {
            from.resume();
            to.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
            return;
        }
        const onward = request(`${target}${from.url ?? "/"}`, { method, headers }, (answered) => {
            to.writeHead(answered.statusCode ?? 502, answered.headers);
            answered.pipe(to);
        });
        onward.on("error", () => to.destroy());
        to.on("close", () => onward.destroy());
        from.pipe(onward);
    }

    async [Symbol.asyncDispose](): Promise<void> {
        const closed = once(this.#server, "close");
        this.#server.close();
        this.#server.closeAllConnections();
        await closed;
    }
}
