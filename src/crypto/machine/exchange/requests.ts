import {
    type KeysClaimRequest,
    KeysQueryRequest,
    type OutgoingRequest as MachineRequest,
    RequestType,
    RoomMessageRequest,
    SignatureUploadRequest,
    ToDeviceRequest,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import type { OutgoingKind, OutgoingRequest } from "../../port.ts";
import { attempt, commit, commitCall, type MachineContext, unwrap } from "../store/context.ts";
import { writeMeta } from "../store/meta.ts";
import { acknowledgeOwnSignature, ownSignatureRequest, recordPublishedIdentity } from "./identity.ts";
import { userIds } from "./user-ids.ts";

const requestTypes: Readonly<Record<OutgoingKind, RequestType>> = {
    keys_upload: RequestType.KeysUpload,
    keys_query: RequestType.KeysQuery,
    keys_claim: RequestType.KeysClaim,
    to_device: RequestType.ToDevice,
    signature_upload: RequestType.SignatureUpload,
    room_message: RequestType.RoomMessage,
};

const queryBody = z.looseObject({ device_keys: z.record(z.string(), z.unknown()) });
const queryAnswer = z.object({
    device_keys: z.record(z.string(), z.unknown()).catch({}),
    failures: z.record(z.string(), z.unknown()).catch({}),
});

/**
 * Milliseconds for which the machine does not ask again for a user of whom nothing usable came. It counts the absence
 * of servers itself, and would ask for such a user at once and without end.
 */
const restAfterFault = 15 * 60_000;

/** Milliseconds that our homeserver waits for another one's one-time keys. */
const claimTimeout = 4_000;
/** Devices of one claim: each answer is an Olm session to be made, 2 ms, all in one step of the machine. */
const mostClaimed = 500;
const claimBody = z.looseObject({ one_time_keys: z.record(z.string(), z.record(z.string(), z.unknown())) });

/** What the machine wants sent, and the signature of our own device if one is due. */
export async function outgoing(context: MachineContext): Promise<readonly OutgoingRequest[]> {
    const requests = await commitCall(context, () => context.machine.outgoingRequests());
    const own = await ownSignatureRequest(context);
    const wanted = requests.map(plainRequest).filter((request) => request !== undefined);
    const plain = wanted.filter((request) => !isOfVerification(request));
    for (const request of wanted.filter(isOfVerification)) await markSent(context, request, "{}");
    context.memory.outgoingSeen = true;
    context.memory.awaitingQuery.clear();
    for (const userId of plain.flatMap(queriedUsers)) context.memory.awaitingQuery.add(userId);
    const now = plain.flatMap((request) => withoutResting(context, request));
    return own === undefined ? now : [...now, own];
}

/**
 * Nobody verifies the bot, and its answers to those who try come from `chat/`. The machine has some of its own: one for
 * each that a device of somebody whom it tracks begins, as soon as it is malformed or ten minutes old.
 */
function isOfVerification({ toDevice }: OutgoingRequest): boolean {
    return toDevice?.eventType.startsWith("m.key.verification.") === true;
}

/** The query without those of whom nothing usable came lately; none if nobody is left. */
function withoutResting({ memory }: MachineContext, request: OutgoingRequest): readonly OutgoingRequest[] {
    const users = queriedUsers(request);
    const ready = users.filter((userId) => performance.now() >= (memory.resting.get(userId) ?? 0));
    if (ready.length === users.length) return [request];
    if (ready.length === 0) return [];
    const body = {
        ...queryBody.parse(JSON.parse(request.body)),
        device_keys: Object.fromEntries(ready.map((userId) => [userId, []])),
    };
    return [{ ...request, body: JSON.stringify(body) }];
}

/** @throws the machine's own error if the response is not one of the request's kind; it has changed nothing then. */
export async function markSent(
    context: MachineContext,
    request: Pick<OutgoingRequest, "id" | "kind">,
    response: string,
): Promise<void> {
    if (request.kind === "signature_upload" && (await acknowledgeOwnSignature(context, request.id))) return;
    const outcome = await commit(context, async (sql) => {
        const marked = await attempt(() =>
            context.machine.markRequestAsSent(request.id, requestTypes[request.kind], response),
        );
        if (!marked.ok) return marked;
        if (request.kind === "keys_upload") writeMeta(sql, "keys_uploaded", "yes");
        if (request.kind === "keys_query") await recordPublishedIdentity(context, sql, response);
        return marked;
    });
    unwrap(outcome);
    if (request.kind === "keys_query") noteAnswer(context, response);
}

function noteAnswer({ memory }: MachineContext, response: string): void {
    const answer = queryAnswer.safeParse(JSON.parse(response)).data;
    for (const userId of Object.keys(answer?.device_keys ?? {})) {
        memory.awaitingQuery.delete(userId);
        memory.resting.delete(userId);
    }
    // User IDs, among the servers that did not answer: see `Homeserver.keysQuery`.
    const faulty = Object.keys(answer?.failures ?? {}).filter((name) => name.startsWith("@"));
    for (const userId of faulty) memory.resting.set(userId, performance.now() + restAfterFault);
}

/**
 * A query of the machine's own that covers these users is taken, because only its answer ends the machine's waiting for
 * them. One about ourselves alone is not: what a start needs to know must not wait for other people's servers.
 */
export async function keysQuery(context: MachineContext, users: readonly string[]): Promise<OutgoingRequest> {
    const { memory, machine, log, userId: ourselves } = context;
    const isOwn = users.every((userId) => userId === ourselves);
    // Whoever is asked for by name does not rest.
    for (const userId of users) memory.resting.delete(userId);
    if (!isOwn && (!memory.outgoingSeen || users.some((userId) => memory.awaitingQuery.has(userId)))) {
        const queries = (await outgoing(context)).filter(({ kind }) => kind === "keys_query");
        const covering = queries.find((request) => {
            const queried = new Set(queriedUsers(request));
            return users.every((userId) => queried.has(userId));
        });
        if (covering !== undefined) return covering;
    }
    return queryRequest(machine.queryKeysForUsers(userIds(users, log)));
}

/**
 * Users whose `/keys/query` is outstanding are left out: the machine would wait for it, and it waits in the queue
 * behind us.
 */
export async function keysClaim(
    context: MachineContext,
    users: readonly string[],
): Promise<OutgoingRequest | undefined> {
    const ready = users.filter((userId) => !context.memory.awaitingQuery.has(userId));
    const request = await claimFor(context, ready);
    if (request === undefined) return undefined;
    const [now, later] = firstOf(request);
    if (later.length === 0) return request;
    // The machine counts a device that is missing in an answer as one without keys: it has to know what is asked.
    const first = await claimFor(context, now);
    return first && { ...first, later };
}

async function claimFor(
    { machine, log }: MachineContext,
    users: readonly string[],
): Promise<OutgoingRequest | undefined> {
    const request = await machine.getMissingSessions(userIds(users, log));
    return request === null || request === undefined ? undefined : claimRequest(request);
}

/** Whose devices are as many as one claim may have, at least one user's, and whose wait for the next. */
function firstOf({ body }: OutgoingRequest): readonly [readonly string[], readonly string[]] {
    const asked = Object.entries(claimBody.parse(JSON.parse(body)).one_time_keys);
    let devices = 0;
    const count = asked.findIndex(([, ofUser], index) => {
        devices += Object.keys(ofUser).length;
        return index > 0 && devices > mostClaimed;
    });
    const users = asked.map(([userId]) => userId);
    return count === -1 ? [users, []] : [users.slice(0, count), users.slice(count)];
}

export function toDeviceRequest(request: ToDeviceRequest): OutgoingRequest {
    const toDevice = { eventType: request.event_type, txnId: request.txn_id };
    return { id: request.id, kind: "to_device", body: request.body, toDevice };
}

function plainRequest(request: MachineRequest): OutgoingRequest | undefined {
    if (request instanceof KeysQueryRequest) return queryRequest(request);
    if (request instanceof ToDeviceRequest) return toDeviceRequest(request);
    if (request instanceof SignatureUploadRequest)
        return { id: request.id ?? "", kind: "signature_upload", body: request.body };
    if (request instanceof RoomMessageRequest) {
        const roomMessage = { roomId: request.room_id, eventType: request.event_type, txnId: request.txn_id };
        return { id: request.id, kind: "room_message", body: request.body, roomMessage };
    }
    switch (request.type) {
        case RequestType.KeysUpload:
            return { id: request.id, kind: "keys_upload", body: request.body };
        case RequestType.KeysClaim:
            return { id: request.id, kind: "keys_claim", body: request.body };
        default:
            return undefined;
    }
}

function queryRequest(request: KeysQueryRequest): OutgoingRequest {
    return { id: request.id, kind: "keys_query", body: request.body };
}

function claimRequest(request: KeysClaimRequest): OutgoingRequest {
    // There is one claim at a time: a homeserver that takes longer than this holds up everybody's.
    const body = JSON.stringify({ ...claimBody.parse(JSON.parse(request.body)), timeout: claimTimeout });
    return { id: request.id, kind: "keys_claim", body };
}

function queriedUsers(request: OutgoingRequest): readonly string[] {
    if (request.kind !== "keys_query") return [];
    return Object.keys(queryBody.parse(JSON.parse(request.body)).device_keys);
}
