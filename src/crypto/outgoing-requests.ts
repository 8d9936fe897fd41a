import { Failure } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { CryptoPort, OutgoingRequest } from "./port.ts";

/**
 * Sends a request of the machine to the homeserver, with retries where these can heal. Answers the body of the
 * response, or the refusal (any other 4xx) of the homeserver. @throws if the homeserver was not reached, or the bot is
 * stopping.
 */
export type SendRequest = (request: OutgoingRequest) => Promise<SendOutcome>;

export type SendOutcome =
    | { readonly ok: true; readonly body: string }
    | { readonly ok: false; readonly status: number; readonly errcode: string; readonly message: string };

export interface OutgoingRequestsOptions {
    readonly crypto: Pick<CryptoPort, "outgoing" | "markSent" | "keysClaim">;
    readonly send: SendRequest;
    readonly deviceId: string;
    readonly log: Logger;
}

/** More rounds than any honest exchange takes: the rest waits for the next flush. */
const MAX_ROUNDS = 10;

/** The one owner of what the machine wants sent: one round at a time, and one `/keys/claim` at a time. */
export class OutgoingRequests {
    readonly #options: OutgoingRequestsOptions;
    #rounds: Promise<unknown> = Promise.resolve();
    #claims: Promise<unknown> = Promise.resolve();
    #waiting: Promise<boolean> | undefined;

    constructor(options: OutgoingRequestsOptions) {
        this.#options = options;
    }

    /**
     * Sends all that the machine wants sent, until it wants nothing more or a request was refused. Calls that come
     * meanwhile share the next run.
     * @returns whether it wants nothing more; what was refused, or is left, waits for the next call
     * @throws {Failure} one_time_keys_conflict
     */
    flush(): Promise<boolean> {
        if (this.#waiting !== undefined) return this.#waiting;
        const run = this.#rounds.then(() => {
            this.#waiting = undefined;
            return this.#sendAll();
        });
        this.#rounds = run.catch(() => undefined);
        this.#waiting = run;
        return run;
    }

    /**
     * Makes Olm sessions with the devices of these users that have none, as far as their servers answer. Where these
     * are very many, others claim in between.
     * @returns the bodies of the `/keys/claim` responses, where failed servers stand; none if there was nothing to
     * claim or it was refused
     */
    async claim(userIds: readonly string[]): Promise<readonly string[]> {
        const run = this.#claims.then(async () => {
            const request = await this.#options.crypto.keysClaim(userIds);
            return { body: request && (await this.deliver(request)), later: request?.later };
        });
        this.#claims = run.catch(() => undefined);
        const { body, later } = await run;
        if (body === undefined) return [];
        return later === undefined ? [body] : [body, ...(await this.claim(later))];
    }

    /**
     * Sends one request and tells the machine of the answer. Answers the response's body; undefined if the homeserver
     * refused the request.
     * @throws {Failure} one_time_keys_conflict
     */
    async deliver(request: OutgoingRequest): Promise<string | undefined> {
        const { crypto, send, log, deviceId } = this.#options;
        const outcome = await send(request);
        if (outcome.ok) {
            await crypto.markSent(request, outcome.body);
            return outcome.body;
        }
        if (isKeyConflict(request, outcome.status, outcome.message))
            throw new Failure("one_time_keys_conflict", { device: deviceId });
        const { status, errcode } = outcome;
        log.warn(
            { operation: "outgoing", kind: request.kind, status, errcode },
            "the homeserver refused a request of the crypto machine",
        );
        return undefined;
    }

    async #sendAll(): Promise<boolean> {
        const sent = await this.#sendRounds();
        // Devices whose Olm session broke get a new one, and are told so.
        return (await this.claim([])).length === 0 ? sent : await this.#sendRounds();
    }

    async #sendRounds(): Promise<boolean> {
        for (let round = 0; round < MAX_ROUNDS; round++) {
            const requests = await this.#options.crypto.outgoing();
            if (requests.length === 0) return true;
            let refused = false;
            for (const request of requests) refused = (await this.deliver(request)) === undefined || refused;
            // The machine asks for a refused request again at once: it has to wait for the next flush.
            if (refused) return false;
        }
        return false;
    }
}

/**
 * Synapse: 400 "One time key signed_curve25519:AAAA already exists": the device was published by another account store.
 */
function isKeyConflict(request: OutgoingRequest, status: number, message: string): boolean {
    return request.kind === "keys_upload" && status === 400 && /one time key .*already exists/i.test(message);
}
