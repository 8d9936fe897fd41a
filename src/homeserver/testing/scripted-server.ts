import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Logger } from "../../telemetry/index.ts";

export interface SeenRequest {
    readonly method: string;
    /** As it came over the wire: still encoded, with its query. */
    readonly url: string;
    readonly headers: IncomingMessage["headers"];
    readonly body: string;
}

/** What the server does with one request. */
export type Step = (request: SeenRequest, response: ServerResponse) => void;

export interface ScriptedServer extends AsyncDisposable {
    readonly url: string;
    readonly requests: readonly SeenRequest[];
}

/**
 * A server on loopback that plays one step a request, the last one for ever: for faults that no real homeserver makes
 * on demand.
 */
export async function scriptedServer(...steps: readonly Step[]): Promise<ScriptedServer> {
    const requests: SeenRequest[] = [];
    const server = createServer((incoming, response) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("end", () => {
            const { method = "", url = "", headers } = incoming;
            const request = { method, url, headers, body: Buffer.concat(chunks).toString() };
            requests.push(request);
            const step = steps[Math.min(requests.length, steps.length) - 1];
            step?.(request, response);
        });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (typeof address !== "object" || address === null) throw new TypeError("a TCP server has an address");
    return {
        url: `http://127.0.0.1:${address.port}`,
        requests,
        async [Symbol.asyncDispose]() {
            server.closeAllConnections();
            server.close();
            await once(server, "close");
        },
    };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Step {
    return (_, response) => {
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(JSON.stringify(body));
    };
}

export function page(status: number, headers: Record<string, string> = {}): Step {
    return (_, response) => {
        response.writeHead(status, { "content-type": "text/html", ...headers });
        response.end("<html>a gateway's page</html>");
    };
}

/** Closes the connection without an answer. */
export const cut: Step = (_, response) => {
    response.socket?.destroy();
};

/** Answers a part of the body that it announced, then closes. */
export const truncated: Step = (_, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
    response.write('{"versions": [', () => response.socket?.destroy());
};

/** Never answers. */
export const silence: Step = () => {};

/** Collects what is logged, as one text. */
export function collectingLog(): Logger & { readonly text: () => string } {
    const lines: string[] = [];
    const line = (facts: object, message: string): void => {
        lines.push(`${message} ${JSON.stringify(facts)}`);
    };
    const log = { debug: line, info: line, warn: line, error: line, child: () => log, text: () => lines.join("\n") };
    return log;
}
