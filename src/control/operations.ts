import { z } from "zod";

const id = z.string().min(1).max(255);
const ofInvitee = { roomId: id, userId: id };
const ofJob = { jobId: id };
const ofSomeRoom = { roomId: id.optional() };

/** `ok: false` is the answer no (exit code 1): `message` says why and what to do. */
const outcome = z.object({ ok: z.boolean(), message: z.string() }).readonly();
const outcomeOfJob = z.object({ ok: z.boolean(), message: z.string(), jobId: z.string().optional() }).readonly();

export type CommandOutcome = z.output<typeof outcome>;

const operation = <Params extends z.ZodRawShape, Result extends z.ZodType>(params: Params, result: Result) => ({
    params: z.strictObject(params),
    result,
});

/** What a command may ask of the bot, and what it answers: the one description, by which both ends of the socket go. */
const operations = {
    health: operation({}, z.object({ healthy: z.boolean(), problems: z.array(z.string()).readonly() })),
    share: operation(ofInvitee, outcomeOfJob),
    /** Delivers first, and then makes the invite itself. */
    invite: operation(ofInvitee, outcomeOfJob),
    /** The same for somebody who knocks, and for nobody else. */
    accept: operation(ofInvitee, outcomeOfJob),
    approve: operation(ofJob, outcome),
    /** Every held job of the room, but for those that each need a look of their own. */
    approveAll: operation({ roomId: id }, outcome),
    cancel: operation(ofJob, outcome),
    pause: operation(ofSomeRoom, outcome),
    resume: operation(ofSomeRoom, outcome),
    trust: operation({ userId: id, fingerprint: id }, outcome),
    /**
     * A chunk of about 100 entries in key export format. After one that has `more` behind it the rooms' counts may be
     * old for a while.
     */
    importRoomKeys: operation(
        { entries: z.array(z.unknown()).max(1_000).readonly(), more: z.boolean() },
        z.object({
            imported: z.number(),
            refused: z.array(z.object({ index: z.number(), reason: z.string() }).readonly()).readonly(),
        }),
    ),
    /**
     * Some of a room's sessions in key export format, those behind `after` (0 at first); `next` is the following
     * `after`, undefined after the last.
     */
    exportRoomKeys: operation(
        { roomId: id, after: z.int().nonnegative() },
        z.object({
            sessions: z.array(z.custom<object>((value) => typeof value === "object" && value !== null)).readonly(),
            next: z.int().optional(),
        }),
    ),
} as const;

type Operations = typeof operations;
export type OperationName = keyof Operations;
type Params = { readonly [Name in OperationName]: z.output<Operations[Name]["params"]> };
type Results = { readonly [Name in OperationName]: z.output<Operations[Name]["result"]> };
export type ParamsOf<Name extends OperationName> = Params[Name];
export type ResultOf<Name extends OperationName> = Results[Name];

export const operationName = z.custom<OperationName>(
    (name) => typeof name === "string" && Object.hasOwn(operations, name),
);

/** The doors: nothing behind them is looked at that does not fit. */
export const descriptions: {
    readonly [Name in OperationName]: {
        readonly params: z.ZodType<ParamsOf<Name>>;
        readonly result: z.ZodType<ResultOf<Name>>;
    };
} = operations;

interface Snapshots {
    /** A snapshot of the data folder, in pieces; whoever stops taking them ends it. */
    snapshot(): AsyncIterable<Uint8Array>;
}

type Answers = { readonly [Name in OperationName]: (params: Params[Name]) => Promise<Results[Name]> };

/** Who answers the operations. */
export type Handlers = Answers & Snapshots;

/**
 * Who asks them: the running bot at the other end of the socket, or, if none runs, the same parts under the data
 * folder's lock.
 */
export interface Bot extends Snapshots {
    /** @throws RemoteFailure, Failure */
    call<Name extends OperationName>(operation: Name, params: ParamsOf<Name>): Promise<ResultOf<Name>>;
}

/** The operations of handlers in this process. */
export function localBot(handlers: Handlers): Bot {
    return { call: (name, params) => answer(handlers, name, params), snapshot: () => handlers.snapshot() };
}

/** @param params as `descriptions` has them */
export async function answer<Name extends OperationName>(
    answers: Answers,
    name: Name,
    params: ParamsOf<Name>,
): Promise<ResultOf<Name>> {
    return await answers[name](params);
}
