import { doHttpRequest } from "matrix-bot-sdk/lib/http.js";
import { LogService } from "matrix-bot-sdk/lib/logging/LogService.js";
import { setRequestFn } from "matrix-bot-sdk/lib/request.js";
import type { Secret } from "../config/index.ts";
import { type Pace, waitFor } from "../due/index.ts";
import { abortError } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { classifyAnswer, classifyFailure, contentType, parseJson } from "./classify.ts";
import { HomeserverError, isAbort, problemOf } from "./errors.ts";
import { retryDelay, retryFacts } from "./retry.ts";
import { Refusals } from "./refusals.ts";
import { AnswerTooLong, fetchRequest, HttpAnswer, Wire } from "./transport.ts";

const usualTimeoutMs = 60_000;
/** A misrouted proxy heals within minutes; a URL that is no homeserver never does. */
const usualStrangers = 8;
const usualMaxBytes = 64 * 1024 * 1024;

export interface ClientOptions {
    /** The homeserver's base URL; may hold a path. */
    readonly url: string;
    /** Aborts everything: the bot stops. */
    readonly signal: AbortSignal;
    readonly log: Logger;
    /** Attempts of a call that does not say otherwise; default: without end. */
    readonly attempts?: number;
    /** Called when a soft logout has ended the token; answers the next one. Rejections go to whoever was calling. */
    readonly renewToken?: () => Promise<Secret>;
    /** A number from 0 up to 1, for the jitter. */
    readonly random?: () => number;
    /** Of repeated attempts. */
    readonly pace?: Pace;
}

export interface Call {
    /** Its name in errors and logs. */
    readonly operation: string;
    /** What the homeserver refuses together with it (`Refusals`); default: every call of this operation. */
    readonly limit?: string;
    readonly method: "GET" | "POST" | "PUT";
    readonly path: string;
    readonly query?: URLSearchParams;
    /** JSON text, or bytes to upload, in pieces. */
    readonly body?: string | readonly Uint8Array[];
    readonly signal?: AbortSignal | undefined;
    readonly timeoutMs?: number | undefined;
    readonly attempts?: number | undefined;
    /** How many answers that are not Matrix are taken for a passing fault, the last one excluded. */
    readonly strangers?: number;
    readonly maxBytes?: number;
    /** True: the request carries no access token. */
    readonly anonymous?: boolean;
}

/** A successful answer: as it came, and parsed. */
export interface Answer {
    readonly text: string;
    readonly json: unknown;
}

/**
 * One request at a time to the homeserver, with its time-out, its retries and its token. The only place that knows
 * matrix-bot-sdk. Of the SDK it takes the request function (`doHttpRequest`, 3 ms to load) and not the client class
 * around it (190 ms, 38 MB); bodies go through as bytes both ways, so that the SDK neither parses nor prints them.
 */
export class Client {
    readonly #options: ClientOptions;
    readonly #base: string;
    readonly #refusals = new Refusals();
    #token: Secret | undefined;
    #renewal: Promise<void> | undefined;

    constructor(options: ClientOptions) {
        this.#options = options;
        this.#base = options.url.replace(/\/+$/, "");
    }

    useAccessToken(token: Secret): void {
        this.#token = token;
    }

    /**
     * @throws HomeserverError once another attempt cannot help or the attempts are used up
     * @throws DOMException AbortError when the bot or the caller stops
     */
    async call(call: Call): Promise<Answer> {
        const token = this.#token;
        try {
            return await this.#persist(call);
        } catch (error) {
            const problem = problemOf(error);
            if (problem?.kind !== "unknown_token" || !problem.softLogout || call.anonymous === true) throw error;
            await this.#renew(token, error);
            return await this.#persist(call);
        }
    }

    /**
     * Asks whether there is something, once, and reads none of it. Resolves: there is.
     * @throws HomeserverError which knows of the refusal's status and `Retry-After`, and of no errcode: such an answer
     *   has no body
     */
    async head(call: Omit<Call, "method">): Promise<void> {
        await this.#exchange({ ...call, method: "GET" }, true);
    }

    /**
     * Fetches what is no JSON, once. Not found or too large for `maxBytes`, the error says so (`not_found`,
     * `too_large`).
     * @throws HomeserverError
     */
    async bytes(call: Omit<Call, "method">): Promise<Uint8Array> {
        try {
            return (await this.#exchange({ ...call, method: "GET" })).body;
        } catch (error) {
            if (!(error instanceof HomeserverError && error.cause instanceof AnswerTooLong)) throw error;
            throw new HomeserverError(call.operation, {
                kind: "too_large",
                errcode: "none",
                error: error.cause.message,
            });
        }
    }

    /** One renewal at a time, however many calls find the token ended. */
    async #renew(ended: Secret | undefined, error: unknown): Promise<void> {
        const { renewToken } = this.#options;
        if (this.#token !== ended) return;
        if (renewToken === undefined) throw error;
        this.#renewal ??= renewToken()
            .then((token) => this.useAccessToken(token))
            .finally(() => {
                this.#renewal = undefined;
            });
        await this.#renewal;
    }

    async #persist(call: Call): Promise<Answer> {
        const { log, attempts: usual = Number.POSITIVE_INFINITY, random = Math.random, pace } = this.#options;
        const { attempts = usual, strangers = usualStrangers } = call;
        for (let failures = 1, strange = 0; ; failures++) {
            try {
                return await this.#attempt(call);
            } catch (error) {
                if (!(error instanceof HomeserverError) || failures >= attempts) throw error;
                if (error.problem.kind === "not_matrix" && ++strange >= strangers) throw error;
                const delay = retryDelay(error.problem, failures, random(), pace);
                if (delay === undefined || (isLocked(error) && Number.isFinite(attempts))) throw error;
                log.warn(
                    retryFacts(error, failures, delay),
                    "the homeserver did not answer as it should, trying again",
                );
                await waitFor(delay, this.#signals(call));
            }
        }
    }

    async #attempt(call: Call): Promise<Answer> {
        const answer = await this.#exchange(call);
        const text = answer.body.toString("utf8");
        const json = parseJson(text);
        if (typeof json !== "object" || json === null) {
            throw new HomeserverError(call.operation, {
                kind: "not_matrix",
                status: answer.statusCode,
                detail: contentType(answer),
            });
        }
        return { text, json };
    }

    /** Nothing is asked before the time that the homeserver named, whoever asks. */
    async #exchange(call: Call, headOnly = false): Promise<HttpAnswer> {
        const { operation, limit = operation } = call;
        const retryAfterMs = this.#refusals.left(limit);
        if (retryAfterMs > 0) throw new HomeserverError(operation, { kind: "rate_limited", retryAfterMs });
        try {
            return await this.#send(call, headOnly);
        } catch (error) {
            if (error instanceof HomeserverError) this.#refusals.note(limit, error.problem);
            throw error;
        }
    }

    async #send(call: Call, headOnly: boolean): Promise<HttpAnswer> {
        const upload = typeof call.body === "object" ? call.body : undefined;
        const signals = this.#signals(call);
        const wire = new Wire({
            query: call.query ?? new URLSearchParams(),
            maxBytes: call.maxBytes ?? usualMaxBytes,
            signals,
            upload,
            headOnly,
        });
        const body = typeof call.body === "string" ? Buffer.from(call.body, "utf8") : null;
        const headers =
            call.anonymous === true || this.#token === undefined
                ? {}
                : { Authorization: `Bearer ${this.#token.reveal()}` };
        let answer: unknown;
        try {
            const timeoutMs = call.timeoutMs ?? usualTimeoutMs;
            answer = await doHttpRequest(
                this.#base,
                call.method,
                call.path,
                wire,
                body,
                headers,
                timeoutMs,
                true,
                "application/json",
                true,
                takeAsIs,
            );
        } catch (thrown) {
            if (thrown instanceof HttpAnswer)
                throw new HomeserverError(call.operation, classifyAnswer(thrown, Date.now()));
            if (isAbort(thrown) || signals.some((signal) => signal.aborted)) throw abortError();
            throw new HomeserverError(call.operation, classifyFailure(thrown), { cause: thrown });
        }
        if (answer instanceof HttpAnswer) return answer;
        throw new TypeError("the SDK's answer does not come from our transport");
    }

    #signals(call: Call): readonly AbortSignal[] {
        return call.signal === undefined ? [this.#options.signal] : [this.#options.signal, call.signal];
    }
}

/** Only who waits without end waits for an admin; a command says it at once. */
function isLocked({ problem: { kind } }: HomeserverError): boolean {
    return kind === "user_locked" || kind === "user_suspended";
}

/** Tells the SDK to hand over refusals as they came. */
const takeAsIs = { errorHandler: () => undefined };

/**
 * Gives the SDK our transport, and takes its log away: it prints URLs and answers. Process-wide, harmless to repeat.
 */
export function prepareSdk(): void {
    const silent = (): void => {};
    LogService.setLogger({ trace: silent, debug: silent, info: silent, warn: silent, error: silent });
    setRequestFn(fetchRequest);
}
