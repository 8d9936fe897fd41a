import { once } from "node:events";
import { createServer, request, type Server } from "node:http";

/** Stands between a bot and its homeserver, changes nothing, and remembers the access tokens that came by. */
export class Wiretap {
    readonly tokens = new Set<string>();
    readonly url: string;
    readonly #server: Server;

    private constructor(server: Server, target: string) {
        this.#server = server;
        const address = server.address();
        this.url = `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`;
        server.on("request", (from, to) => {
            const token = from.headers.authorization?.replace(/^Bearer /, "");
            if (token !== undefined) this.tokens.add(token);
            const { method = "GET", headers } = from;
            const onward = request(`${target}${from.url ?? "/"}`, { method, headers }, (answer) => {
                to.writeHead(answer.statusCode ?? 502, answer.headers);
                answer.pipe(to);
            });
            onward.on("error", () => to.destroy());
            to.on("close", () => onward.destroy());
            from.pipe(onward);
        });
    }

    static async open(target: string): Promise<Wiretap> {
        const server = createServer().listen(0, "127.0.0.1");
        await once(server, "listening");
        return new Wiretap(server, target);
    }

    async [Symbol.asyncDispose](): Promise<void> {
        const closed = once(this.#server, "close");
        this.#server.close();
        this.#server.closeAllConnections();
        await closed;
    }
}
