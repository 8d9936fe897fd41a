import type { DatabaseSync } from "node:sqlite";
import type { OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { IndexedDB } from "../../../indexeddb/index.ts";
import type { Seal } from "../../../sealing/index.ts";
import type { Logger } from "../../../telemetry/index.ts";
import { counted } from "./commits.ts";
import type { MachineSessions } from "./machine-sessions.ts";

/** The part of `createIndexedDB` that the machine's store needs. */
export interface CryptoStore extends Pick<IndexedDB, "IDBDatabase" | "IDBObjectStore" | "IDBKeyRange" | "indexedDB"> {
    install(target: object): void;
    /**
     * One outer transaction for the machine's IndexedDB and our own tables: on disk when it resolves, undone if `work`
     * throws.
     */
    atomically<T>(work: (sql: DatabaseSync) => T | Promise<T>): Promise<T>;
    /** Writes the file anew: bytes of what was deleted are in it no more. */
    compact(): void;
    /** What is damaged, a piece of the file a step. */
    checkInPieces(): Iterator<readonly string[], void>;
    /** Keeps a copy of the file beside it, before the shape of our tables is changed. */
    keepCopy(): void;
    /** Writes the file as it is now to a new one. */
    copyTo(path: string): void;
    close(): void;
}

/** What every operation inside the worker works with. */
export interface MachineContext {
    readonly machine: OlmMachine;
    readonly store: CryptoStore;
    readonly seal: Seal;
    readonly log: Logger;
    readonly userId: string;
    readonly deviceId: string;
    /** Our own Curve25519 key: what this sender made, we made. */
    readonly ownKey: string;
    /** Decrypts what the local feed of room keys brings. */
    readonly feed: { decryptV1(ephemeral: string, mac: string, ciphertext: string): string };
    /** The machine's own copies of inbound sessions, of which it is to keep none. */
    readonly sessions: Pick<MachineSessions, "empty" | "close">;
    readonly memory: MachineMemory;
    /** Told the number of each commit once it is on disk, before anybody is answered. */
    readonly onCommit: (commits: number) => void;
}

/** What is only true while this machine is open. */
export interface MachineMemory {
    /** The key counts of the last batch that reached the machine. */
    keyCounts: string | undefined;
    /** The machine has said since its opening whom it wants to ask for. */
    outgoingSeen: boolean;
    /**
     * Users whose `/keys/query` is outstanding: asking the machine about their sessions would make it wait for that.
     */
    readonly awaitingQuery: Set<string>;
    /** Users of whom nothing usable came lately, with when they are asked for again, by the monotonic clock. */
    readonly resting: Map<string, number>;
    /** Users whose devices the machine keeps up to date; undefined until somebody asks. */
    trackedUsers: Set<string> | undefined;
    /** What the machine's own log told of room keys since the last batch. */
    readonly unreadableKeys: { take(): readonly string[] };
    /** To-device events that it received. */
    heard: number;
    /** Its store was changed behind its back: the next operation gets one that is opened anew. */
    outdated: boolean;
    /** Rooms whose session was prepared and not used since: encrypting in any other would make the machine panic. */
    readonly preparedRooms: Set<string>;
}

/** One step of the worker's queue: others get their turn before the next. */
export type Step = <T>(operation: (context: MachineContext) => Promise<T>) => Promise<T>;

/** The disk did not take what the machine has already done in memory: nothing may go on with this machine. */
export class TornCommit extends Error {
    constructor(cause: unknown) {
        super("The machine is ahead of its store.", { cause });
        this.name = "TornCommit";
    }
}

/**
 * What was done cannot stand: nothing of it is on disk, and the machine, which has done it in memory, has to be opened
 * anew.
 */
export class Undone extends Error {}

/** What the machine answered; a refusal is a value, so that whatever it did write is committed with it. */
export type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** @throws a panic of the machine (a WebAssembly RuntimeError): the machine is no longer to be trusted. */
export async function attempt<T>(call: () => T | Promise<T>): Promise<Attempt<T>> {
    try {
        return { ok: true, value: await call() };
    } catch (error) {
        if (isPanic(error)) throw error;
        return { ok: false, error };
    }
}

export function unwrap<T>(outcome: Attempt<T>): T {
    if (outcome.ok) return outcome.value;
    throw outcome.error instanceof Error ? outcome.error : new Error(String(outcome.error));
}

/**
 * Runs an operation that may change a ratchet, a session or our rows as one commit. What throws inside is a fault (the
 * machine's refusals are values there, see `attempt`), and so is a commit that fails.
 * @throws {TornCommit}
 * @throws {Undone} if `work` does
 */
export async function commit<T>(context: MachineContext, work: (sql: DatabaseSync) => T | Promise<T>): Promise<T> {
    try {
        const { result, commits } = await context.store.atomically((sql) => counted(sql, work));
        context.onCommit(commits);
        return result;
    } catch (error) {
        throw isPanic(error) || error instanceof Undone ? error : new TornCommit(error);
    }
}

/** `commit` for the common case: one call into the machine, and what goes with its answer. */
export async function commitCall<T>(
    context: MachineContext,
    call: () => Promise<T>,
    then: (value: T, sql: DatabaseSync) => void | Promise<void> = () => undefined,
): Promise<T> {
    const outcome = await commit(context, async (sql) => {
        const answer = await attempt(call);
        if (answer.ok) await then(answer.value, sql);
        return answer;
    });
    return unwrap(outcome);
}

/** A Rust panic reaches us as WebAssembly's own error. */
export function isPanic(error: unknown): boolean {
    return error instanceof Error && error.name === "RuntimeError";
}
