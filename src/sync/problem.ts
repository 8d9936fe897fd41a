import { credentialsVerdict } from "../account/index.ts";
import { waitAfterFailure } from "../due/index.ts";
import { Failure } from "../failures/index.ts";
import { HomeserverError, type HomeserverProblem, retryAfterOf } from "../homeserver/index.ts";
import { MalformedSync } from "../matrix/index.ts";

/** Why the sync does not go on at the moment. `disk`: nothing can be recorded; the others: nothing usable comes in. */
export type SyncProblemCode =
    | "homeserver_away"
    | "homeserver_busy"
    | "homeserver_fault"
    | "account_locked"
    | "answer_malformed"
    | "disk";

export interface SyncProblem {
    readonly code: SyncProblemCode;
    /** What is wrong, and what heals it. */
    readonly message: string;
    /** Milliseconds since the epoch. */
    readonly since: number;
}

/** An error that waiting may heal. */
export interface Setback {
    readonly code: SyncProblemCode;
    readonly message: string;
    /** The longest wait between two attempts, in milliseconds. */
    readonly longestWait: number;
    /** What the server asks for, in milliseconds. */
    readonly shortestWait: number;
}

const firstWait = 1_000;
/** An absent server is asked often: that costs nothing, and it is to be noticed soon when it is back. */
const longestWaits: Readonly<Record<SyncProblemCode, number>> = {
    homeserver_away: 10_000,
    homeserver_busy: 60_000,
    homeserver_fault: 30_000,
    account_locked: 60_000,
    answer_malformed: 60_000,
    disk: 30_000,
};

/** Failures of a store that heal without a restart. */
const waitable: readonly string[] = ["disk_full", "disk_fault", "store_locked"];

/** What kind of setback an error is; undefined: waiting does not heal it. */
export function setbackOf(error: unknown): Setback | undefined {
    if (error instanceof MalformedSync) return setback("answer_malformed", `${error.message}; it is asked for again`);
    if (error instanceof Failure) return waitable.includes(error.code) ? setback("disk", error.message) : undefined;
    if (!(error instanceof HomeserverError) || credentialsVerdict(error) === "stop") return undefined;
    const { problem } = error;
    const code = codeOf(problem);
    const cure = code === "account_locked" ? ". An admin of the homeserver can lift that; the bot waits" : "";
    return setback(code, `${error.message}${cure}`, retryAfterOf(error));
}

/** Milliseconds before the next attempt. */
export function waitAfter({ longestWait: longest, shortestWait }: Setback, failures: number, random: number): number {
    return waitAfterFailure(failures - 1, { first: firstWait, longest }, random, shortestWait);
}

function setback(code: SyncProblemCode, message: string, shortestWait = 0): Setback {
    return { code, message, shortestWait, longestWait: longestWaits[code] };
}

function codeOf({ kind }: HomeserverProblem): SyncProblemCode {
    if (kind === "unreachable") return "homeserver_away";
    if (kind === "rate_limited") return "homeserver_busy";
    if (kind === "user_locked" || kind === "user_suspended") return "account_locked";
    return kind === "malformed" ? "answer_malformed" : "homeserver_fault";
}
