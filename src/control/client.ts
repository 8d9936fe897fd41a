import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { z } from "zod";
import { Failure } from "../failures/index.ts";
import { readLines } from "./lines.ts";
import { longestLine, responseSchema, snapshotPiece } from "./messages.ts";
import { type Bot, descriptions, type OperationName, type ParamsOf, type ResultOf } from "./operations.ts";

/** The running bot answered a command with a failure; the message is the bot's own. */
export class RemoteFailure extends Error {
    readonly code: string;
    readonly exitCode: number;

    constructor(code: string, message: string, exitCode: number) {
        super(message);
        this.name = "RemoteFailure";
        this.code = code;
        this.exitCode = exitCode;
    }
}

interface Options {
    /** Milliseconds for each answer. */
    readonly timeout?: number;
}

const usualTimeout = 60_000;

/**
 * Connects to the running bot; undefined if none runs here.
 * @throws Failure `data_dir_unusable` if the socket may not be opened
 */
export async function connectToBot(
    socketPath: string,
    { timeout = usualTimeout }: Options = {},
): Promise<(Bot & AsyncDisposable) | undefined> {
    const socket = connect(socketPath);
    try {
        await once(socket, "connect");
    } catch (error) {
        socket.destroy();
        const code = error instanceof Error && "code" in error ? String(error.code) : "";
        if (["ENOENT", "ENOTDIR", "ECONNREFUSED"].includes(code)) return undefined;
        const detail =
            code === "EACCES"
                ? "this user may not speak to the running bot"
                : `its control socket does not open (${code})`;
        throw new Failure("data_dir_unusable", { path: socketPath, detail }, { cause: error });
    }
    return new BotConnection(socket, timeout);
}

/** Asks the running bot one thing; undefined if no bot runs here. @throws RemoteFailure, Failure */
export async function callBot<Name extends OperationName>(
    socketPath: string,
    operation: Name,
    params: ParamsOf<Name>,
    options: Options = {},
): Promise<ResultOf<Name> | undefined> {
    await using bot = await connectToBot(socketPath, options);
    return await bot?.call(operation, params);
}

/** The operations of the bot at the other end of the socket, asked one after the other. */
class BotConnection implements Bot {
    readonly #socket: Socket;
    readonly #timeout: number;
    readonly #lines: AsyncGenerator<string, void, undefined>;
    #requests = 0;

    constructor(socket: Socket, timeout: number) {
        this.#socket = socket;
        this.#timeout = timeout;
        this.#lines = readLines(socket, longestLine);
        // Whoever waits for a line is told; between two requests nobody does.
        socket.on("error", () => {});
    }

    async *snapshot(): AsyncGenerator<Uint8Array, void, undefined> {
        const id = this.#ask("snapshot", {});
        for (;;) {
            const piece = await this.#answer(id, snapshotPiece);
            if (piece === null) return;
            yield Buffer.from(piece, "base64");
        }
    }

    /** One request, one answer. @throws RemoteFailure, Failure `bot_not_answering` */
    async call<Name extends OperationName>(operation: Name, params: ParamsOf<Name>): Promise<ResultOf<Name>> {
        return await this.#answer(this.#ask(operation, params), descriptions[operation].result);
    }

    #ask(operation: OperationName | "snapshot", params: object): number {
        const id = this.#requests++;
        this.#socket.write(`${JSON.stringify({ id, operation, params })}\n`);
        return id;
    }

    async #answer<Result>(id: number, schema: z.ZodType<Result>): Promise<Result> {
        const response = responseSchema.safeParse(parse(await this.#nextLine()));
        if (!response.success) throw notAnswering("its answer does not fit this version");
        if (!response.data.ok) {
            const { code, message, exit_code: exitCode } = response.data.error;
            throw new RemoteFailure(code, message, exitCode);
        }
        const result = schema.safeParse(response.data.result);
        if (response.data.id !== id || !result.success) throw notAnswering("its answer does not fit this version");
        return result.data;
    }

    async #nextLine(): Promise<string> {
        const expiry = setTimeout(() => this.#socket.destroy(new Error("no answer in time")), this.#timeout);
        try {
            const { value } = await this.#lines.next();
            if (value === undefined) throw notAnswering("it stopped before it answered");
            return value;
        } catch (error) {
            if (error instanceof Failure) throw error;
            throw notAnswering(error instanceof Error ? error.message : String(error));
        } finally {
            clearTimeout(expiry);
        }
    }

    async [Symbol.asyncDispose](): Promise<void> {
        this.#socket.destroy();
        await Promise.resolve();
    }
}

const notAnswering = (detail: string) => new Failure("bot_not_answering", { detail });

function parse(line: string): unknown {
    try {
        return JSON.parse(line);
    } catch {
        return undefined;
    }
}
