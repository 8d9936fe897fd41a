import { once } from "node:events";
import {
    createServer,
    type IncomingHttpHeaders,
    type IncomingMessage,
    request,
    type Server,
    type ServerResponse,
} from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { endpointOf } from "./endpoint.ts";
import type { Answer, Request, Script } from "./fault.ts";

interface Passed {
    readonly status: number;
    readonly headers: IncomingHttpHeaders;
    readonly body: Buffer;
}

/**
 * A request that went through, and what the homeserver said; undefined: the homeserver never answered it, or was not
 * asked.
 */
export interface Exchange extends Request {
    answered: { readonly status: number; readonly body: Buffer } | undefined;
}

/**
 * Stands between a program and its homeserver: remembers what was asked and answered, and does to any request what the
 * script says.
 */
export class Proxy {
    /** Access tokens that came by. */
    readonly tokens = new Set<string>();
    /** Everything that was asked, in order. */
    readonly exchanges: Exchange[] = [];
    script: Script = () => undefined;
    readonly url: string;
    readonly #server: Server;
    readonly #target: string;

    private constructor(server: Server, target: string) {
        this.#server = server;
        this.#target = target;
        const address = server.address();
        this.url = `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`;
        server.on("request", (from, to) => {
            // What breaks because somebody hung up is no news.
            this.#serve(from, to).catch(() => to.destroy());
        });
    }

    static async open(target: string): Promise<Proxy> {
        const server = createServer().listen(0, "127.0.0.1");
        await once(server, "listening");
        return new Proxy(server, target);
    }

    /** How many requests came to this endpoint. */
    count(endpoint: string): number {
        return this.exchanges.filter((exchange) => exchange.endpoint === endpoint).length;
    }

    async [Symbol.asyncDispose](): Promise<void> {
        const closed = once(this.#server, "close");
        this.#server.close();
        this.#server.closeAllConnections();
        await closed;
    }

    async #serve(from: IncomingMessage, to: ServerResponse): Promise<void> {
        const token = from.headers.authorization?.replace(/^Bearer /, "");
        if (token !== undefined) this.tokens.add(token);
        const { method = "GET", url = "/" } = from;
        const path = decodeURIComponent(new URL(url, this.#target).pathname);
        const number = this.exchanges.length + 1;
        // Its number is the order of arrival, before the body is read.
        const exchange = {
            number,
            method,
            path,
            endpoint: endpointOf(method, path),
            body: Buffer.alloc(0),
            answered: undefined,
        };
        this.exchanges.push(exchange);
        exchange.body = await buffer(from);
        await this.#play(exchange, from, to);
    }

    async #play(exchange: Exchange, from: IncomingMessage, to: ServerResponse): Promise<void> {
        const fault = await this.script(exchange);
        const pass = (): Promise<Passed> => this.#pass(exchange, from, to);
        switch (fault?.kind) {
            case undefined:
                return give(to, await pass());
            case "answer_instead":
                return answer(to, fault.answer);
            case "break_before":
                return void to.destroy();
            case "break_after":
                await pass();
                await fault.happens?.();
                return void to.destroy();
            case "answer_after":
                await pass();
                return answer(to, fault.answer);
            case "rewrite": {
                const passed = await pass();
                const body = fault.rewrite(
                    JSON.parse(passed.body.toString()) as Record<string, Record<string, unknown>>,
                );
                return give(to, { ...passed, body: Buffer.from(JSON.stringify(body)) });
            }
            case "truncate_after": {
                const passed = await pass();
                return give(to, { ...passed, body: passed.body.subarray(0, passed.body.length / 2) });
            }
            case "delay":
                await pause(fault.ms);
                return give(to, await pass());
            case "repeat":
                await pass();
                return give(to, await pass());
        }
    }

    /** Hands the request to the homeserver; gives up when the asker hangs up. */
    async #pass(
        exchange: Exchange,
        { method = "GET", url = "/", headers }: IncomingMessage,
        to: ServerResponse,
    ): Promise<Passed> {
        const onward = request(`${this.#target}${url}`, { method, headers });
        const hangUp = (): void => void onward.destroy();
        onward.on("error", () => undefined);
        to.once("close", hangUp);
        onward.end(exchange.body);
        const [response] = (await once(onward, "response")) as [IncomingMessage];
        const body = await buffer(response);
        to.off("close", hangUp);
        const status = response.statusCode ?? 502;
        exchange.answered = { status, body };
        return { status, headers: response.headers, body };
    }
}

function give(to: ServerResponse, { status, headers, body }: Passed): void {
    const { "transfer-encoding": _, ...kept } = headers;
    to.writeHead(status, { ...kept, "content-length": body.length }).end(body);
}

function answer(to: ServerResponse, { status, body, headers = {} }: Answer): void {
    const [type, text] = typeof body === "string" ? ["text/html", body] : ["application/json", JSON.stringify(body)];
    to.writeHead(status, { "content-type": type, ...headers }).end(text);
}
