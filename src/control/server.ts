import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { lstatSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { z } from "zod";
import { exitCodes, Failure } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { LineTooLong, readLines } from "./lines.ts";
import { longestLine, requestSchema, type WireError } from "./messages.ts";
import { answer, descriptions, type Handlers, type OperationName, type ResultOf } from "./operations.ts";

interface Options {
    readonly socketPath: string;
    readonly handlers: Handlers;
    readonly logger: Logger;
    /** Milliseconds that a client has for its first line. */
    readonly firstLineMs?: number;
}

const mostClients = 64;
/** Commands write as soon as they are connected: who says nothing only takes a place. */
const usualFirstLineMs = 5_000;

/** Answers commands on a Unix socket that only the bot's user may open: one JSON object a line, in both directions. */
export class ControlServer {
    readonly #options: Options;
    readonly #server: Server;
    readonly #clients = new Set<Socket>();

    constructor(options: Options) {
        this.#options = options;
        this.#server = createServer((client) => void this.#serve(client));
        this.#server.maxConnections = mostClients;
    }

    /**
     * Starts to listen. A socket that a dead process left behind is removed: the caller holds the data folder's lock,
     * so nobody listens there.
     * @throws Failure `data_dir_unusable`
     */
    async start(): Promise<void> {
        const { socketPath } = this.#options;
        try {
            if (lstatSync(socketPath, { throwIfNoEntry: false })?.isSocket() === true) rmSync(socketPath);
            const listening = once(this.#server, "listening");
            listenPrivately(this.#server, socketPath);
            await listening;
        } catch (error) {
            const detail =
                error instanceof Error && "code" in error
                    ? `its control socket cannot be made (${String(error.code)})`
                    : String(error);
            throw new Failure("data_dir_unusable", { path: socketPath, detail }, { cause: error });
        }
    }

    /** Stops listening, hangs up on everybody and removes the socket. Answers that are not ready are not sent. */
    async stop(): Promise<void> {
        if (!this.#server.listening) return;
        const closed = once(this.#server, "close");
        this.#server.close();
        for (const client of this.#clients) client.destroy();
        await closed;
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.stop();
    }

    async #serve(client: Socket): Promise<void> {
        this.#clients.add(client);
        client.on("error", () => client.destroy());
        client.on("close", () => this.#clients.delete(client));
        const patience = setTimeout(() => client.destroy(), this.#options.firstLineMs ?? usualFirstLineMs);
        try {
            for await (const line of readLines(client, longestLine)) {
                clearTimeout(patience);
                for await (const answer of this.#answers(line)) if (!(await send(client, answer))) break;
            }
        } catch (error) {
            // Leaving the loop has hung up already, if the client has not.
            if (error instanceof LineTooLong) this.#options.logger.warn({ error }, "hung up on a command");
        } finally {
            clearTimeout(patience);
            client.end();
        }
    }

    async *#answers(line: string): AsyncGenerator<string, void, undefined> {
        const { success, data: request } = requestSchema.safeParse(parse(line));
        if (!success) return yield refusal(null);
        const { id, operation, params } = request;
        const { handlers } = this.#options;
        const answerOf = (result: unknown) => JSON.stringify({ id, ok: true, result: result ?? null });
        try {
            if (operation !== "snapshot") return yield answerOf(await perform(operation, params, handlers));
            for await (const piece of handlers.snapshot()) yield answerOf(Buffer.from(piece).toString("base64"));
            yield answerOf(null);
        } catch (error) {
            if (error instanceof z.ZodError) return yield refusal(null);
            yield JSON.stringify({ id, ok: false, error: this.#explain(error, operation) });
        }
    }

    #explain(error: unknown, operation: string): WireError {
        if (error instanceof Failure) return { code: error.code, message: error.message, exit_code: error.exitCode };
        const id = randomBytes(4).toString("hex");
        this.#options.logger.error({ error_id: id, operation, error }, "a command failed unexpectedly");
        return {
            code: "internal",
            message: `The bot failed unexpectedly: its log has the details under error_id ${id}.`,
            exit_code: exitCodes.internal,
        };
    }
}

/** Waits until the client has room for more. Answers whether it is still there. */
async function send(client: Socket, line: string): Promise<boolean> {
    if (!client.writable) return false;
    if (client.write(`${line}\n`)) return true;
    const over = new AbortController();
    const { signal } = over;
    await Promise.race(
        [once(client, "drain", { signal }), once(client, "close", { signal })].map((event) =>
            event.catch(() => undefined),
        ),
    );
    over.abort();
    return client.writable;
}

/** The mode has to be right from the first instant; `listen` binds before it returns. */
function listenPrivately(server: Server, path: string): void {
    const before = process.umask(0o177);
    try {
        server.listen(path);
    } finally {
        process.umask(before);
    }
}

/** @throws ZodError if the parameters do not fit */
async function perform<Name extends OperationName>(
    name: Name,
    params: unknown,
    handlers: Handlers,
): Promise<ResultOf<Name>> {
    return await answer(handlers, name, descriptions[name].params.parse(params));
}

function parse(line: string): unknown {
    try {
        return JSON.parse(line);
    } catch {
        return undefined;
    }
}

const refusal = (id: number | null) =>
    JSON.stringify({
        id,
        ok: false,
        error: {
            code: "bad_request",
            message: "The bot refused the command: the request does not fit this version of the bot.",
            exit_code: exitCodes.internal,
        },
    });
