import { z } from "zod";
import { inPieces } from "../due/index.ts";
import {
    claimAnswer,
    claimText,
    nothingOf,
    queryAnswer,
    queryText,
    siftClaim,
    siftQuery,
    type SiftedKeys,
    type Sifting,
} from "../matrix/index.ts";
import { type Logger, printableInLine } from "../telemetry/index.ts";
import * as answers from "./answers.ts";
import type { CallOptions } from "./api.ts";
import type { Answer, Client } from "./client.ts";
import { HomeserverError } from "./errors.ts";
import { AnswerTooLong } from "./transport.ts";

/**
 * Bytes of one answer: 250 users, as the OlmMachine asks for, with 30 kB each. What is longer is asked for again in
 * halves.
 */
const mostBytes = 8 * 1024 * 1024;
/** Users that a line of the log names at most. */
const namedUsers = 20;

const queryBody = z.looseObject({ device_keys: z.record(z.string(), z.unknown()) });
const claimBody = z.looseObject({ one_time_keys: z.record(z.string(), z.record(z.string(), z.string())) });

export interface OthersKeysParts {
    readonly client: Client;
    readonly log: Logger;
}

/** What is asked of other people's keys, and how the answer is read. */
interface Question<Wanted> {
    readonly endpoint: "query" | "claim";
    /** By user. */
    readonly wanted: ReadonlyMap<string, Wanted>;
    /** The request for some of them. */
    readonly body: (wanted: ReadonlyMap<string, Wanted>) => object;
    readonly sift: (answer: Answer, wanted: ReadonlyMap<string, Wanted>) => Sifting;
    readonly text: (sifted: readonly SiftedKeys[]) => string;
}

/**
 * Asks what other people's homeservers say of their devices and identities, and sifts it user by user: see
 * `Homeserver.keysQuery`. Safe to repeat. Source: Matrix v1.19, `POST /_matrix/client/v3/keys/query`.
 */
export async function queryKeys(parts: OthersKeysParts, body: string, options: CallOptions = {}): Promise<string> {
    const { device_keys: wanted, ...rest } = queryBody.parse(JSON.parse(body));
    return await ask(parts, options, {
        endpoint: "query",
        wanted: new Map(Object.entries(wanted)),
        body: (some) => ({ ...rest, device_keys: Object.fromEntries(some) }),
        sift: (answer, some) => siftQuery(answers.read("keys_query", queryAnswer, answer), [...some.keys()]),
        text: queryText,
    });
}

/** The same for one-time keys. Source: Matrix v1.19, `POST /_matrix/client/v3/keys/claim`. */
export async function claimKeys(parts: OthersKeysParts, body: string, options: CallOptions = {}): Promise<string> {
    const { one_time_keys: wanted, ...rest } = claimBody.parse(JSON.parse(body));
    return await ask(parts, options, {
        endpoint: "claim",
        wanted: new Map(Object.entries(wanted)),
        body: (some) => ({ ...rest, one_time_keys: Object.fromEntries(some) }),
        sift: (answer, some) => {
            const deviceIds = [...some].map(([userId, keys]) => [userId, Object.keys(keys)] as const);
            return siftClaim(answers.read("keys_claim", claimAnswer, answer), new Map(deviceIds));
        },
        text: claimText,
    });
}

async function ask<Wanted>(parts: OthersKeysParts, options: CallOptions, question: Question<Wanted>): Promise<string> {
    const sifted = await askInHalves(parts.client, options, question, question.wanted);
    const leftOut = sifted.flatMap((part) => part.leftOut);
    if (leftOut.length > 0) {
        const facts = {
            operation: operationOf(question),
            count: leftOut.length,
            users: leftOut.slice(0, namedUsers).map(printableInLine),
        };
        parts.log.warn(facts, "left malformed parts out of an answer for keys");
    }
    return question.text(sifted);
}

/** One of those who are asked for may have an answer without end: the others are asked for without them. */
async function askInHalves<Wanted>(
    client: Client,
    options: CallOptions,
    question: Question<Wanted>,
    wanted: ReadonlyMap<string, Wanted>,
): Promise<readonly SiftedKeys[]> {
    const path = `/_matrix/client/v3/keys/${question.endpoint}`;
    const body = JSON.stringify(question.body(wanted));
    try {
        const answer = await client.call({
            operation: operationOf(question),
            method: "POST",
            path,
            body,
            maxBytes: mostBytes,
            ...options,
        });
        return [await inPieces(question.sift(answer, wanted))];
    } catch (error) {
        if (!(error instanceof HomeserverError && error.cause instanceof AnswerTooLong)) throw error;
        const users = [...wanted];
        if (users.length === 0) throw error;
        if (users.length === 1) return users.map(([userId]) => nothingOf(userId, "too_much"));
        const middle = Math.ceil(users.length / 2);
        const first = await askInHalves(client, options, question, new Map(users.slice(0, middle)));
        return [...first, ...(await askInHalves(client, options, question, new Map(users.slice(middle))))];
    }
}

function operationOf({ endpoint }: Pick<Question<unknown>, "endpoint">): string {
    return `keys_${endpoint}`;
}
