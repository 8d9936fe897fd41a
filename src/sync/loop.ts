import { waitFor } from "../due/index.ts";
import { credentialsFailure, credentialsVerdict } from "../account/index.ts";
import type { Database } from "../database/index.ts";
import type { Homeserver, SyncOptions } from "../homeserver/index.ts";
import { type CryptoChanges, type DroppedPart, parseSyncBatch, type SyncBatch } from "../matrix/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { CryptoNews } from "./crypto-news.ts";
import { syncFilter } from "./filter.ts";
import { Persistence } from "./persistence.ts";
import { forgetSyncPosition, SyncPosition } from "./position.ts";
import type { SyncProblem } from "./problem.ts";
import { TokenRefusals } from "./token-refusals.ts";

const longPollMs = 30_000;
/** Between two answers that say nothing, from a server that does not hold the poll. */
const quietRestMs = 1_000;
const namedDrops = 5;

export interface SyncParts {
    readonly homeserver: Pick<Homeserver, "sync">;
    /** Opened with `syncSchema`. */
    readonly database: Database;
    /** Ours, for the sentence that ends a run. */
    readonly userId: string;
    readonly deviceId: string;
    /**
     * Takes the crypto part of a batch; not called for a batch that has nothing new for it. Once it resolves, all of it
     * is on disk. Answers the rooms of whose sessions we now hold or know more.
     */
    readonly receive: (changes: CryptoChanges) => Promise<readonly string[]>;
    /**
     * Writes everything that follows from a batch, inside the transaction that moves the token. Synchronous, and
     * without any other effect. `isBack`: this is the homeserver's first answer, since the start or after it did not
     * answer.
     */
    readonly record: (batch: SyncBatch, isBack: boolean) => void;
    /**
     * After the commit: wakes whoever has something to do now, and returns at once. `rooms` is what `receive` answered.
     */
    readonly afterBatch: (rooms: readonly string[]) => void;
    readonly logger: Logger;
    /**
     * Milliseconds between an answer and the next request. A request costs the homeserver about as much as an event:
     * what comes in quick succession is taken in fewer, and what the answer set going is not held up by the next one.
     */
    readonly restMs: number;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    /** From 0 up to 1; spreads the attempts. */
    readonly random?: () => number;
}

/**
 * Follows `/sync`: prepares a batch, then records it. The order is what nothing may change:
 *
 * 1. the answer is checked;
 * 2. the crypto worker has its part on disk: to-device messages come once, and the next token deletes them on the
 *    server;
 * 3. one transaction records everything else together with the token: a crash before it asks for the same batch again;
 * 4. only then does anybody act on it.
 *
 * Source: Matrix v1.19, "Syncing".
 */
export class SyncLoop {
    readonly #parts: SyncParts;
    readonly #position: SyncPosition;
    readonly #persistence: Persistence;
    readonly #news = new CryptoNews();
    readonly #ready = Promise.withResolvers<void>();
    readonly #refusals = new TokenRefusals();
    #polled = false;
    #answered = Number.NEGATIVE_INFINITY;
    /** The token is not to be gone on from, whatever batch is under way. */
    #anew = false;

    constructor(parts: SyncParts) {
        this.#parts = parts;
        this.#position = new SyncPosition(parts.database);
        this.#persistence = new Persistence({
            logger: parts.logger,
            now: parts.now,
            random: parts.random ?? Math.random,
        });
    }

    /**
     * Runs until `signal` aborts: a batch whose crypto part is on disk is still recorded. An absent homeserver, a
     * locked account, a full disk and malformed answers are waited out (see `problem`). To be called once.
     * @throws Failure device_logged_out or account_deactivated; whatever `receive` and `record` throw that waiting does
     * not heal
     */
    async run(signal: AbortSignal): Promise<void> {
        try {
            while (!signal.aborted) await this.#turn(signal);
        } catch (error) {
            throw credentialsVerdict(error) === "stop"
                ? credentialsFailure(error, this.#parts.userId, this.#parts.deviceId)
                : error;
        }
    }

    /** Resolves when the first batch of this run has been recorded; never if `run` ends before. */
    ready(): Promise<void> {
        return this.#ready.promise;
    }

    /** From the next request on everything is asked for, as in the very first sync; rooms and jobs stay. */
    startAnew(): void {
        this.#anew = true;
    }

    /** What the loop waits for at the moment; undefined: all is well. */
    get problem(): SyncProblem | undefined {
        return this.#persistence.problem;
    }

    async #turn(signal: AbortSignal): Promise<void> {
        const first = !this.#polled;
        const batch = await this.#persistence.until(() => this.#ask(signal), signal);
        if (batch === undefined) return;
        const isBack = first || batch.failedBefore;
        const rooms = await this.#persistence.until(() => this.#prepare(batch.value.crypto), signal);
        if (rooms === undefined) return;
        const recorded = await this.#persistence.until(() => this.#record(batch.value, isBack), signal);
        if (recorded === undefined) return;
        this.#ready.resolve();
        this.#parts.afterBatch(rooms.value);
    }

    async #ask(signal: AbortSignal): Promise<SyncBatch> {
        const since = this.#anew || this.#refusals.distrusted ? undefined : this.#position.token();
        // The first answer of a run is wanted at once: it says that we are up to date.
        const timeoutMs = this.#polled ? longPollMs : 0;
        const rest = this.#answered + this.#parts.restMs - performance.now();
        if (rest > 0) await waitFor(rest, [signal]);
        const asked = performance.now();
        const raw = await this.#request({ since, timeoutMs, filter: syncFilter, signal });
        this.#answered = performance.now();
        const drops: DroppedPart[] = [];
        const batch = parseSyncBatch(raw, since, (drop) => drops.push(drop));
        if (drops.length > 0) this.#warn(drops);
        if (this.#polled && batch.nextBatch === since && this.#answered - asked < quietRestMs)
            await waitFor(quietRestMs, [signal]);
        this.#polled = true;
        return batch;
    }

    async #request(options: SyncOptions): Promise<unknown> {
        const { homeserver, logger } = this.#parts;
        try {
            return await homeserver.sync(options);
        } catch (error) {
            const before = this.#refusals.distrusted;
            this.#refusals.note(error, options.since);
            if (!before && this.#refusals.distrusted)
                logger.warn(
                    { operation: "sync" },
                    "the homeserver does not know where the sync was: its rooms are read anew",
                );
            throw error;
        }
    }

    async #prepare(changes: CryptoChanges): Promise<readonly string[]> {
        if (!this.#news.isNews(changes)) return [];
        const rooms = await this.#parts.receive(changes);
        this.#news.received(changes);
        return rooms;
    }

    #record(batch: SyncBatch, isBack: boolean): void {
        const { database, record, now } = this.#parts;
        database.transaction(() => {
            record(batch, isBack);
            this.#position.advance(batch, now());
            if (this.#anew && batch.since !== undefined) forgetSyncPosition(database);
        });
        if (batch.since === undefined) this.#anew = false;
        this.#refusals.over();
    }

    #warn(drops: readonly DroppedPart[]): void {
        const dropped = drops.slice(0, namedDrops).map(({ place, roomId: room }) => ({ place, room }));
        this.#parts.logger.warn({ count: drops.length, dropped }, "left malformed parts out of a sync answer");
    }
}
