import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database/index.ts";
import { isAbort } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { AtMostEach } from "./concurrency/at-most.ts";
import type { BundleMessages } from "./delivery/bundle-messages.ts";
import { deliver, type DeliveryParts } from "./delivery/deliver.ts";
import { deliveryIds } from "./ledger/delivery-ids.ts";
import { Halt } from "./policy/halt.ts";
import { doubtsRefusal, haltFor } from "./delivery/homeserver-faults.ts";
import { NoSignedDevice } from "./delivery/no-signed-device.ts";
import type { Job, ShareJobs } from "./ledger/jobs.ts";
import { serverOf } from "../matrix/index.ts";
import { prune, type PruneParts } from "./prune.ts";
import { placeFirst, type PlaceFirstParts } from "./place-first.ts";
import { checkReinvite, type CheckParts } from "./reinvite/reinvite-check.ts";
import { reinvite, type ReinviteParts } from "./reinvite/reinvite.ts";
import { type Reason, wantOfKeys } from "./ledger/reasons.ts";
import type { ShareClock } from "./ledger/share-clock.ts";
import { retryDelay, unansweredTooLong } from "./ledger/schedule.ts";

export type RunnerParts = DeliveryParts &
    ReinviteParts &
    CheckParts &
    PlaceFirstParts &
    PruneParts & {
        readonly database: Database;
        readonly jobs: ShareJobs;
        readonly clock: Pick<ShareClock, "ran">;
        readonly messages: Pick<BundleMessages, "seal" | "send" | "sent" | "prune">;
        readonly log: Logger;
        readonly random: () => number;
        /** A job has come to rest: somebody may have to be told. */
        readonly settled: () => void;
    };

/**
 * Jobs under way at once; the oldest goes first. Those at the same step share a request, so that many cost little more than one; and
 * where a room's bundle is large, or a homeserver does not answer, enough places are left for the others.
 */
const places = { limit: 150, ofRoom: 50, ofServer: 25 } as const;

/** Re-invites of one homeserver's users under way at once: a homeserver answers ours when its user's has, which may take a minute. */
const reinvitesAtOnce = 4;

/** Milliseconds between two looks for what ended jobs have left behind. */
const betweenPrunes = 3_600_000;

/** Milliseconds of rest when a re-invite could not be checked, or the ledger could not be written. */
const rest = 30_000;

/** Milliseconds. The clock may be set back by any amount, and a timer above 24 days fires at once. */
const longestTimer = 3_600_000;

/** Takes jobs from the ledger as they fall due and carries each as far as it goes. */
export class ShareRunner {
    readonly #parts: RunnerParts;
    readonly #stopping = new AbortController();
    readonly #running = new Map<number, { readonly roomId: string; readonly end: Promise<void> }>();
    /** Jobs under way for whose room keys have come since they began. */
    readonly #keysCame = new Set<number>();
    readonly #reinvites = new AtMostEach(reinvitesAtOnce);
    /** Jobs that one fault stopped come back together, and share their requests again. */
    readonly #pauses = new WeakMap<Error, number>();
    #pruning: Promise<void> | undefined;
    #lastPrune = Number.NEGATIVE_INFINITY;
    #checking: Promise<void> | undefined;
    #timer: NodeJS.Timeout | undefined;
    /** By the monotonic clock. */
    #notBefore = Number.NEGATIVE_INFINITY;

    constructor(parts: RunnerParts) {
        this.#parts = parts;
    }

    /** Looks for due jobs now: after the start, after each recorded batch, after each command. */
    wake(): void {
        if (this.#stopping.signal.aborted) return;
        clearTimeout(this.#timer);
        const resting = this.#notBefore - performance.now();
        if (resting > 0) {
            this.#timer = setTimeout(() => this.wake(), resting);
            return;
        }
        const now = this.#parts.now();
        const ownServer = serverOf(this.#parts.botUserId);
        for (const job of this.#parts.jobs.due({ ...places, ownServer }, now)) {
            if (this.#running.size >= places.limit) break;
            if (!this.#running.has(job.id)) this.#start(job);
        }
        this.#startChecking();
        this.#startPruning();
        const next = this.#parts.jobs.nextDueAt(now);
        if (next !== undefined) this.#timer = setTimeout(() => this.wake(), Math.min(next - now, longestTimer));
    }

    /**
     * Keys of these rooms have come, or messages that use them: who is under way there may have looked before that, and does not end for want
     * of them. To be called before those are released that have ended so: then neither misses a job.
     */
    keysCame(roomIds: readonly string[]): void {
        for (const [jobId, { roomId }] of this.#running) if (roomIds.includes(roomId)) this.#keysCame.add(jobId);
    }

    /** Lets nothing new begin and waits for what is under way to reach a place where it can be picked up again. */
    async stop(): Promise<void> {
        this.#stopping.abort();
        clearTimeout(this.#timer);
        const running = [...this.#running.values()].map(({ end }) => end);
        await Promise.all([...running, this.#checking, this.#pruning]);
    }

    #start(job: Job): void {
        const end = this.#run(job)
            .catch((error: unknown) => {
                // Where a job went could not be written down: it stands where it stood, and is taken up again.
                this.#notBefore = performance.now() + rest;
                this.#parts.log.error({ job: job.id, err: error }, "the ledger of share jobs cannot be written; resting");
            })
            .finally(() => {
                this.#running.delete(job.id);
                this.#keysCame.delete(job.id);
                this.#parts.settled();
                this.wake();
            });
        this.#running.set(job.id, { roomId: job.roomId, end });
    }

    async #run(job: Job): Promise<void> {
        const log = this.#parts.log.child({ job: job.id, room: job.roomId, user: job.userId });
        try {
            if (this.#isOver(job)) return;
            const delivered = job.state === "delivered" ? job : await this.#deliver(job);
            if (delivered === undefined) return;
            const settled = this.#parts.messages.sent(deliveryIds(delivered.id).first);
            const invited = this.#reinvites.run(serverOf(job.userId), () => reinvite(this.#parts, delivered, settled));
            const [reason] = await Promise.all([invited, settled]);
            if (reason !== job.reason) log.info({ reason }, "shared the room's history");
        } catch (error) {
            if (this.#stops(error)) return;
            const halt = haltFor(error);
            const isOutdated = wantOfKeys.includes(halt.reason) && this.#keysCame.has(job.id);
            if (isOutdated) this.#halt(job.id, new Halt("retry", "keys_arrived"), 0, log);
            else this.#halt(job.id, halt, this.#pauseFor(error, job), log);
        }
    }

    /** Nobody has answered the invite for so long that nothing more is done for it. */
    #isOver(job: Job): boolean {
        const { database, jobs, clock } = this.#parts;
        if (job.state !== "queued" || !unansweredTooLong(job, clock.ran())) return false;
        return database.transaction(() => jobs.move(job, "expired", "unanswered"));
    }

    /** @returns the job as it stands after the delivery; undefined if something else moved it meanwhile. */
    async #deliver(job: Job): Promise<Job | undefined> {
        const started = job.state === "delivering" ? job : this.#move(job, "delivering", "delivering", this.#parts.now());
        if (started === undefined) return undefined;
        try {
            return await deliver(this.#parts, started);
        } catch (error) {
            if (!(error instanceof NoSignedDevice)) throw error;
            const reason = await this.#reinvites.run(serverOf(job.userId), () => placeFirst(this.#parts, started, error));
            this.#parts.log.info({ job: job.id, room: job.roomId, user: job.userId, reason }, "invites first, as there is no device yet");
            return undefined;
        }
    }

    #move(job: Job, state: Job["state"], reason: Reason, nextAttemptAt?: number): Job | undefined {
        const { database, jobs } = this.#parts;
        return database.transaction(() => (jobs.move(job, state, reason, nextAttemptAt) ? jobs.get(job.id) : undefined));
    }

    /** Whether the bot stops: its requests are aborted before anybody stops this runner. What was under way stands where it stood. */
    #stops(error: unknown): boolean {
        if (isAbort(error)) this.#stopping.abort();
        return this.#stopping.signal.aborted;
    }

    /** Milliseconds before the next attempt after this fault. */
    #pauseFor(error: unknown, { attempts }: Job): number {
        const known = error instanceof Error ? this.#pauses.get(error) : undefined;
        const pause = known ?? retryDelay(attempts, this.#parts.random(), haltFor(error).notBefore);
        if (error instanceof Error) this.#pauses.set(error, pause);
        return pause;
    }

    #halt(jobId: number, halt: Halt, pause: number, log: Logger): void {
        const { database, jobs, clock, now } = this.#parts;
        const { to } = halt;
        if (to === "overtaken") return log.debug({ reason: halt.reason }, "something else moved the delivery on");
        database.transaction(() => {
            const job = jobs.get(jobId);
            if (job === undefined || job.nextAttemptAt === undefined) return;
            if (to === "retry" && unansweredTooLong(job, clock.ran())) jobs.move(job, "expired", "unanswered");
            else if (to === "retry") jobs.retry(job, halt.reason, now() + pause, halt.detail, now() + (halt.notBefore ?? 0));
            else if (doubtsRefusal(halt, () => jobs.refusedFor(job))) jobs.retry(job, "refused_once", now() + pause, halt.detail);
            else jobs.move(job, to, halt.reason, undefined, halt.detail);
        });
        const facts = { reason: halt.reason, ...(halt.cause === undefined ? {} : { err: halt.cause }) };
        if (halt.reason === "internal_error") log.error(facts, "a fault stopped the delivery");
        else log.info(facts, `the delivery is ${to === "retry" ? "tried again later" : to}`);
    }

    #startPruning(): void {
        if (performance.now() - this.#lastPrune < betweenPrunes) return;
        this.#lastPrune = performance.now();
        this.#pruning = prune(this.#parts, this.#stopping.signal).catch((error: unknown) => {
            if (!this.#stops(error))
                this.#parts.log.warn({ err: error }, "what ended jobs left behind could not be removed; trying again later");
        });
    }

    #startChecking(): void {
        if (this.#checking !== undefined || this.#parts.checks.next() === undefined) return;
        this.#checking = this.#check().finally(() => {
            this.#checking = undefined;
            this.#parts.settled();
            this.wake();
        });
    }

    async #check(): Promise<void> {
        const { checks, log } = this.#parts;
        let check = checks.next();
        try {
            for (; check !== undefined && !this.#stopping.signal.aborted; check = checks.next()) {
                await checkReinvite(this.#parts, check);
            }
        } catch (error) {
            if (this.#stops(error)) return;
            log.warn({ job: check?.jobId, err: error }, "a re-invite could not be checked; trying again");
            await sleep(rest, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
        }
    }
}
