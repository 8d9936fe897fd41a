import { callbackify } from "node:util";
import { withDeadline } from "./deadline.ts";

const pieceBytes = 256 * 1024;

interface Passenger {
    readonly query: URLSearchParams;
    readonly signals: readonly AbortSignal[];
    /** The largest answer that is read, in bytes. */
    readonly maxBytes: number;
    /** Bytes to upload, in the place of a body. */
    readonly upload: readonly Uint8Array[] | undefined;
    /** Asks for the head of the answer alone, which the SDK has no method for. */
    readonly headOnly: boolean;
}

/** What travels through the SDK in the place of its query string: it hands that on untouched. */
export class Wire {
    readonly passenger: Passenger;

    constructor(passenger: Passenger) {
        this.passenger = passenger;
    }
}

/** An HTTP answer, read to its end. The names are those that the SDK expects of the `request` package. */
export class HttpAnswer {
    readonly statusCode: number;
    readonly headers: Headers;
    readonly body: Buffer;

    constructor(statusCode: number, headers: Headers, body: Buffer) {
        this.statusCode = statusCode;
        this.headers = headers;
        this.body = body;
    }
}

/** The answer is longer than the caller is willing to read. */
export class AnswerTooLong extends Error {
    constructor(maxBytes: number) {
        super(`the answer is longer than ${maxBytes} bytes`);
        this.name = "AnswerTooLong";
    }
}

/** The part of the `request` package's options that the SDK sets and that we serve. */
export interface RequestOptions {
    readonly uri: string;
    readonly method: string;
    readonly qs: unknown;
    readonly headers: Record<string, string>;
    /** Milliseconds for the whole exchange, the answer's body included. */
    readonly timeout: number;
    readonly body?: Buffer<ArrayBuffer>;
}

type RequestCallback = (error: unknown, answer?: HttpAnswer, body?: Buffer) => void;

/**
 * A stand-in for the `request` package on top of `fetch`: what `setRequestFn` of matrix-bot-sdk wants. Holds no state.
 */
export function fetchRequest(options: RequestOptions, callback: RequestCallback): void {
    callbackify(exchange)(options, (error: unknown, answer?: HttpAnswer) => callback(error, answer, answer?.body));
}

async function exchange(options: RequestOptions): Promise<HttpAnswer> {
    if (!(options.qs instanceof Wire)) throw new TypeError("every request of the SDK goes through client.ts");
    const { headOnly, maxBytes, query: parameters, signals, upload } = options.qs.passenger;
    const query = parameters.size === 0 ? "" : `?${parameters.toString()}`;
    return withDeadline(options.timeout, signals, async (signal) => {
        const answer = await fetch(`${options.uri}${query}`, {
            method: headOnly ? "HEAD" : options.method,
            ...outgoing(options, upload),
            // A redirect would turn a POST into a GET and could carry the token elsewhere: it is reported, not
            // followed.
            redirect: "manual",
            signal,
        });
        if (!headOnly && Number(answer.headers.get("content-length")) > maxBytes) {
            await answer.body?.cancel();
            throw new AnswerTooLong(maxBytes);
        }
        return new HttpAnswer(answer.status, answer.headers, await readBody(answer, maxBytes));
    });
}

/** `fetch` copies a buffer before it sends it; an upload goes out in pieces of itself instead, with its length. */
function outgoing(
    { headers, body }: RequestOptions,
    upload: Passenger["upload"],
): Pick<RequestInit, "headers" | "body" | "duplex"> {
    if (upload === undefined) return { headers, body: body ?? null };
    const length = upload.reduce((sum, piece) => sum + piece.length, 0);
    const sized = { ...headers, "Content-Type": "application/octet-stream", "Content-Length": String(length) };
    return { headers: sized, body: ReadableStream.from(upload.flatMap((piece) => [...cut(piece)])), duplex: "half" };
}

function* cut(bytes: Uint8Array): Generator<Uint8Array> {
    for (let offset = 0; offset < bytes.length; offset += pieceBytes) yield bytes.subarray(offset, offset + pieceBytes);
}

async function readBody(answer: Response, maxBytes: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const body: AsyncIterable<Uint8Array> | Iterable<never> = answer.body ?? [];
    for await (const chunk of body) {
        length += chunk.length;
        if (length > maxBytes) throw new AnswerTooLong(maxBytes);
        chunks.push(chunk);
    }
    return Buffer.concat(chunks, length);
}
