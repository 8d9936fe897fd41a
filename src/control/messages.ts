import { z } from "zod";
import { operationName } from "./operations.ts";

/** The longest line in either direction: 100 room keys have about 100 kB. */
export const longestLine = 8 * 1_048_576;

/** A request as it comes through the socket; what its `params` have to be, `descriptions` says. */
export const requestSchema = z.strictObject({
    id: z.int().nonnegative(),
    operation: z.union([operationName, z.literal("snapshot")]),
    params: z.unknown(),
});

/** The one operation with more than one answer: pieces in base64, and null after the last. */
export const snapshotPiece = z.string().nullable();

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
