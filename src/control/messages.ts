import { z } from "zod";

/** The longest line in either direction: 100 room keys have about 100 kB. */
export const longestLine = 8 * 1_048_576;

const id = z.string().min(1).max(255);
const someRoom = z.strictObject({ room_id: id.optional() });
const request = <Operation extends string, Params extends z.ZodType>(operation: Operation, params: Params) =>
    z.strictObject({ id: z.int().nonnegative(), operation: z.literal(operation), params });

/** A request as it comes through the socket. The door: nothing behind it is looked at that does not fit. */
export const requestSchema = z.discriminatedUnion("operation", [
    request("health", z.strictObject({})),
    request("share", z.strictObject({ room_id: id, user_id: id })),
    request("invite", z.strictObject({ room_id: id, user_id: id })),
    request("accept", z.strictObject({ room_id: id, user_id: id })),
    request("approve", z.strictObject({ job_id: id })),
    request("approve_all", z.strictObject({ room_id: id })),
    request("cancel", z.strictObject({ job_id: id })),
    request("pause", someRoom),
    request("resume", someRoom),
    request("trust", z.strictObject({ user_id: id, fingerprint: id })),
    request("import_room_keys", z.strictObject({ entries: z.array(z.unknown()).max(1_000), more: z.boolean().default(false) })),
    request("snapshot", z.strictObject({})),
    request("export_room_keys", z.strictObject({ room_id: id, after: z.int().nonnegative() })),
]);

export type Request = z.output<typeof requestSchema>;
export type Operation = Request["operation"];
export type ParamsOf<Name extends Operation> = Extract<Request, { operation: Name }>["params"];

const outcome = z.object({ ok: z.boolean(), message: z.string() });
const outcomeOfJob = outcome.extend({ jobId: z.string().optional() });

const results = {
    health: z.object({ healthy: z.boolean(), problems: z.array(z.string()) }),
    share: outcomeOfJob,
    invite: outcomeOfJob,
    accept: outcomeOfJob,
    approve: outcome,
    approve_all: outcome,
    cancel: outcome,
    pause: outcome,
    resume: outcome,
    trust: outcome,
    import_room_keys: z.object({ imported: z.number(), refused: z.array(z.object({ index: z.number(), reason: z.string() })) }),
    /** The one operation with more than one answer: pieces in base64, and null after the last. */
    snapshot: z.string().nullable(),
    export_room_keys: z.object({ sessions: z.array(z.record(z.string(), z.unknown())), next: z.int().optional() }),
} as const satisfies Record<Operation, z.ZodType>;

export type ResultOf<Name extends Operation> = z.output<(typeof results)[Name]>;

/** What each operation answers. */
export const resultSchemas: { readonly [Name in Operation]: z.ZodType<ResultOf<Name>> } = results;

/** A failure on its way to the command: what it prints and exits with. */
export interface WireError {
    readonly code: string;
    readonly message: string;
    readonly exit_code: number;
}

export const responseSchema = z.union([
    z.object({ id: z.int().nullable(), ok: z.literal(true), result: z.unknown() }),
    z.object({
        id: z.int().nullable(),
        ok: z.literal(false),
        error: z.object({ code: z.string(), message: z.string(), exit_code: z.int() }),
    }),
]);
