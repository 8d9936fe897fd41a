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
import type { Logger } from "../telemetry/index.ts";
import * as answers from "./answers.ts";
import type { CallOptions } from "./api.ts";
import type { Answer, Client } from "./client.ts";
import { HomeserverError } from "./errors.ts";
import { path } from "./path.ts";
import { AnswerTooLong } from "./transport.ts";

type Endpoint = answers.KeysEndpoint | "query" | "claim";

/** Bytes of one answer: 250 users, as the OlmMachine asks for, with 30 kB each. A longer one is asked for again in halves. */
const mostBytes = 8 * 1024 * 1024;
/** Users that a line of the log names at most. */
const namedUsers = 20;

/** An answer that homeservers fill in who distrust each other, each about its own users. */
interface ManyVoices<Asked> {
    readonly endpoint: "query" | "claim";
    /** What is asked, by user. */
    readonly readAsked: (body: string) => { readonly byUser: ReadonlyMap<string, Asked>; readonly rest: object };
    readonly writeAsked: (byUser: ReadonlyMap<string, Asked>) => object;
    readonly sift: (answer: Answer, byUser: ReadonlyMap<string, Asked>) => Sifting;
    readonly text: (sifted: readonly SiftedKeys[]) => string;
}

const queryBody = z.looseObject({ device_keys: z.record(z.string(), z.unknown()) });
const query: ManyVoices<unknown> = {
    endpoint: "query",
    readAsked: (body) => {
        const rest = queryBody.parse(JSON.parse(body));
        return { byUser: new Map(Object.entries(rest.device_keys)), rest };
    },
    writeAsked: (byUser) => ({ device_keys: Object.fromEntries(byUser) }),
    sift: (answer, byUser) => siftQuery(answers.read("keys_query", queryAnswer, answer), [...byUser.keys()]),
    text: queryText,
};

const claimBody = z.looseObject({ one_time_keys: z.record(z.string(), z.record(z.string(), z.string())) });
const claim: ManyVoices<Readonly<Record<string, string>>> = {
    endpoint: "claim",
    readAsked: (body) => {
        const rest = claimBody.parse(JSON.parse(body));
        return { byUser: new Map(Object.entries(rest.one_time_keys)), rest };
    },
    writeAsked: (byUser) => ({ one_time_keys: Object.fromEntries(byUser) }),
    sift: (answer, byUser) => {
        const devices = new Map([...byUser].map(([userId, keys]) => [userId, Object.keys(keys)]));
        return siftClaim(answers.read("keys_claim", claimAnswer, answer), devices);
    },
    text: claimText,
};

/**
 * The OlmMachine's own endpoints under `/_matrix/client/v3/keys/`: bodies and answers as JSON text, untouched. Safe to repeat.
 * An answer that the machine could not read is the homeserver's error, and not one of whoever hands it on.
 */
export async function postKeys(client: Client, endpoint: answers.KeysEndpoint, body: string): Promise<string> {
    const answer = await ask(client, endpoint, body, {});
    answers.read(operationOf(endpoint), answers.keys[endpoint], answer);
    return answer.text;
}

/** What homeservers say of other people's devices and identities, sifted user by user: see `Homeserver.keysQuery`. Safe to repeat. */
export async function queryKeys(client: Client, log: Logger, body: string, options: CallOptions = {}): Promise<string> {
    return await hear({ client, log, voices: query, options }, body);
}

/** One-time keys of other people's devices, sifted in the same way. */
export async function claimKeys(client: Client, log: Logger, body: string, options: CallOptions = {}): Promise<string> {
    return await hear({ client, log, voices: claim, options }, body);
}

interface Hearing<Asked> {
    readonly client: Client;
    readonly log: Logger;
    readonly voices: ManyVoices<Asked>;
    readonly options: CallOptions;
}

async function hear<Asked>(hearing: Hearing<Asked>, body: string): Promise<string> {
    const { voices, log } = hearing;
    const { byUser, rest } = voices.readAsked(body);
    const sifted = await hearAll(hearing, byUser, rest);
    const leftOut = sifted.flatMap((part) => part.leftOut);
    if (leftOut.length > 0) {
        const users = leftOut.slice(0, namedUsers).map(visible);
        log.warn(
            { operation: operationOf(voices.endpoint), count: leftOut.length, users },
            "left malformed parts out of an answer for keys",
        );
    }
    return voices.text(sifted);
}

/** One of those who are asked for may have an answer without end: the others are asked for without them. */
async function hearAll<Asked>(hearing: Hearing<Asked>, byUser: ReadonlyMap<string, Asked>, rest: object): Promise<readonly SiftedKeys[]> {
    const { client, voices, options } = hearing;
    try {
        const answer = await ask(client, voices.endpoint, JSON.stringify({ ...rest, ...voices.writeAsked(byUser) }), options);
        return [await inPieces(voices.sift(answer, byUser))];
    } catch (error) {
        if (!(error instanceof HomeserverError && error.cause instanceof AnswerTooLong)) throw error;
        const users = [...byUser];
        const [only, ...others] = users;
        if (only === undefined) throw error;
        if (others.length === 0) return [nothingOf(only[0], "too_much")];
        const middle = Math.ceil(users.length / 2);
        const halves = [users.slice(0, middle), users.slice(middle)];
        const heard: SiftedKeys[] = [];
        for (const half of halves) heard.push(...(await hearAll(hearing, new Map(half), rest)));
        return heard;
    }
}

async function ask(client: Client, endpoint: Endpoint, body: string, options: CallOptions): Promise<Answer> {
    const call = { operation: operationOf(endpoint), method: "POST", path: `/_matrix/client/v3/keys/${endpoint}`, body } as const;
    return await client.call({ ...call, maxBytes: mostBytes, ...options });
}

function operationOf(endpoint: Endpoint): string {
    return `keys_${endpoint.replace("/", "_")}`;
}

/** User IDs come from other people's servers: control characters in them must not pass for text of ours. */
function visible(text: string): string {
    return text.replaceAll(/\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/gu, "\u{fffd}");
}

/** Source: Matrix v1.19, `PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}`. */
export async function sendToDevice(
    client: Client,
    eventType: string,
    txnId: string,
    body: string,
    options: CallOptions = {},
): Promise<string> {
    const answer = await client.call({
        operation: "send_to_device",
        method: "PUT",
        path: path`/_matrix/client/v3/sendToDevice/${eventType}/${txnId}`,
        body,
        ...options,
    });
    return answer.text;
}
