import { z } from "zod";
import { Failure, type FailureCode, type FailureFacts } from "../failures/index.ts";
import type { CryptoPort } from "./port.ts";

/**
 * The messages between the main thread and the crypto worker: plain data only, for a wasm object would arrive as an
 * empty shell.
 */

export type Method = keyof CryptoPort;

export interface Call {
    readonly id: number;
    readonly method: Method;
    readonly args: readonly unknown[];
}

/** What the worker is started with. */
export const workerStart = z.object({
    path: z.string(),
    userId: z.string(),
    deviceId: z.string(),
    storeKey: z.instanceof(Uint8Array),
});
export type WorkerStart = Readonly<z.infer<typeof workerStart>>;

export type PlainError =
    | { readonly kind: "failure"; readonly code: FailureCode; readonly facts: FailureFacts }
    | { readonly kind: "error"; readonly name: string; readonly message: string; readonly stack: string | undefined };

export type LogLevel = "debug" | "info" | "warn" | "error";

/** `Answer` is what a value is for the side that reads it. */
export type FromWorker<Answer = unknown> =
    | { readonly type: "ready" }
    | { readonly type: "refused"; readonly error: PlainError }
    | { readonly type: "answer"; readonly id: number; readonly value: Answer }
    | { readonly type: "rejection"; readonly id: number; readonly error: PlainError }
    | { readonly type: "fault"; readonly error: PlainError }
    /** Comes before the answer of what was committed. */
    | { readonly type: "committed"; readonly commits: number }
    | { readonly type: "log"; readonly level: LogLevel; readonly facts: object; readonly message: string };

/** The buffers of those pieces that have one to themselves: they can be handed over instead of copied. */
export function ownedBuffers(pieces: readonly unknown[]): ArrayBuffer[] {
    return pieces.flatMap((piece) =>
        piece instanceof Uint8Array &&
        piece.buffer instanceof ArrayBuffer &&
        piece.byteLength === piece.buffer.byteLength
            ? [piece.buffer]
            : [],
    );
}

export function toPlainError(error: unknown): PlainError {
    if (error instanceof Failure) return { kind: "failure", code: error.code, facts: error.facts };
    if (error instanceof Error) return { kind: "error", name: error.name, message: error.message, stack: error.stack };
    return { kind: "error", name: "Error", message: String(error), stack: undefined };
}

export function fromPlainError(plain: PlainError): Error {
    if (plain.kind === "failure") return new Failure(plain.code, plain.facts);
    const error = new Error(plain.message);
    error.name = plain.name;
    if (plain.stack !== undefined) error.stack = plain.stack;
    return error;
}

/** An expected failure as it is, anything else as the worker's death. */
export function toFailure(error: unknown): Failure {
    if (error instanceof Failure) return error;
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new Failure("worker_died", { detail }, { cause: error });
}
