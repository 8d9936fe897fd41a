import type { Database } from "../database/index.ts";
import { isAbort, retryAfterOf } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { ConcurrencyLimitEach } from "./concurrency/concurrency-limit.ts";
import type { BundleMessages } from "./delivery/bundle-messages.ts";
import { deliver, type DeliveryParts } from "./delivery/deliver.ts";
import { deliveryIds } from "./ledger/delivery-ids.ts";
import type { Halt } from "./policy/halt.ts";
import { mayBePassing, haltFor } from "./delivery/homeserver-faults.ts";
import { NoSignedDevice } from "./delivery/no-signed-device.ts";
import type { Job, ShareJobs } from "./ledger/jobs.ts";
import { serverOf } from "../matrix/index.ts";
import { prune, type PruneParts } from "./prune.ts";
import { placeFirst, type PlaceFirstParts } from "./place-first.ts";
import { checkReinvite, type CheckParts, type ReinviteCheck } from "./reinvite/reinvite-check.ts";
import { reinvite, type ReinviteParts } from "./reinvite/reinvite.ts";
import { wantOfKeys } from "./ledger/reasons.ts";
import { Due, type DueItem, type Outcome, type RunningClock, WaitsInMemory } from "../due/index.ts";
import { unansweredTooLong } from "./ledger/schedule.ts";
import type { WaitingReason } from "./ledger/steps.ts";

export type RunnerParts = DeliveryParts &
    ReinviteParts &
    CheckParts &
    PlaceFirstParts &
    PruneParts & {
        readonly database: Database;
        readonly jobs: ShareJobs;
        readonly clock: Pick<RunningClock, "ran" | "now">;
        readonly messages: Pick<BundleMessages, "seal" | "send" | "sent" | "prune">;
        readonly log: Logger;
        readonly random: () => number;
        /** A job has come to rest: somebody may have to be told. */
        readonly settled: () => void;
    };

/**
 * Jobs under way at once; the oldest goes first. Those at the same step share a request, so that many cost little more
 * than one; and where a room's bundle is large, or a homeserver does not answer, enough places are left for the others.
 */
const places = { limit: 150, ofRoom: 50, ofServer: 25 } as const;

/**
 * Re-invites of one homeserver's users under way at once: a homeserver answers ours when its user's has, which may take
 * a minute.
 */
const reinvitesAtOnce = 4;

/** Milliseconds after which a failed attempt is made again. */
const pace = { first: 1_500, longest: 15 * 60_000 } as const;
/** The same for a re-invite that could not be checked. */
const checkPace = { first: 30_000, longest: 3_600_000 } as const;
/** Milliseconds between two looks for what ended jobs have left behind. */
const betweenPrunes = 3_600_000;

/** Why a job is tried again. */
interface Retry extends Pick<Halt, "detail" | "notBefore"> {
    readonly reason: WaitingReason;
}

const keysArrived: Retry = { reason: "keys_arrived", detail: undefined, notBefore: undefined };

type DueJob = DueItem & { readonly job: Job };
type DueCheck = DueItem & ReinviteCheck;

/** Takes jobs from the ledger as they fall due and carries each as far as it goes. */
export class ShareRunner {
    readonly #parts: RunnerParts;
    readonly #jobs: Due<DueJob, Retry>;
    readonly #checks: Due<DueCheck>;
    readonly #pruning: Due<DueItem>;
    /** The rooms of the jobs under way. */
    readonly #running = new Map<number, string>();
    /** Jobs under way for whose room keys have come since they began. */
    readonly #keysCame = new Set<number>();
    readonly #reinvites = new ConcurrencyLimitEach(reinvitesAtOnce);
    readonly #stopping = new AbortController();

    constructor(parts: RunnerParts) {
        this.#parts = parts;
        const { botUserId, checks, clock, jobs, log, random } = parts;
        const common = { log, random, now: () => clock.now() };
        const ownServer = serverOf(botUserId);
        this.#jobs = new Due({
            ...common,
            name: "the share jobs",
            atOnce: places.limit,
            pace,
            due: (now) =>
                jobs
                    .due({ ...places, ownServer }, now)
                    .map((job) => ({ key: String(job.id), failures: job.attempts, job })),
            nextAt: (now) => jobs.nextDueAt(now),
            work: ({ job }) => this.#runAndTell(job),
            record: ({ job }, later, halt) => {
                if (later !== undefined && halt !== undefined) this.#retry(job.id, halt, later.at - clock.now());
            },
        });
        const unchecked = new WaitsInMemory(() => checks.all().map((check) => ({ ...check, key: check.eventId })));
        this.#checks = new Due({
            ...common,
            name: "the checks of re-invites",
            atOnce: 1,
            pace: checkPace,
            ...unchecked.answers,
            work: (check) => this.#check(check),
        });
        this.#pruning = new Due({
            ...common,
            name: "the removal of what ended jobs left behind",
            atOnce: 1,
            pace: { first: betweenPrunes, longest: betweenPrunes },
            ...new WaitsInMemory(() => [{ key: "all" }]).answers,
            work: () => this.#prune(),
        });
    }

    /** Looks for due jobs now: after the start, after each recorded batch, after each command. */
    wake(): void {
        this.#jobs.wake();
        this.#checks.wake();
        this.#pruning.wake();
    }

    /**
     * Keys of these rooms have come, or messages that use them: who is under way there may have looked before that, and
     * does not end for want of them. To be called before those are released that have ended so: then neither misses a
     * job.
     */
    keysCame(roomIds: readonly string[]): void {
        for (const [jobId, roomId] of this.#running) if (roomIds.includes(roomId)) this.#keysCame.add(jobId);
    }

    /** Lets nothing new begin and waits for what is under way to reach a place where it can be picked up again. */
    async stop(): Promise<void> {
        this.#stopping.abort();
        await Promise.all([this.#jobs.stop(), this.#checks.stop(), this.#pruning.stop()]);
    }

    async #runAndTell(job: Job): Promise<Outcome<Retry>> {
        const log = this.#parts.log.child({ job: job.id, room: job.roomId, user: job.userId });
        this.#running.set(job.id, job.roomId);
        try {
            return await this.#run(job, log);
        } catch (error) {
            if (isAbort(error) || this.#jobs.isStopping) throw error;
            return this.#halt(job, error, log);
        } finally {
            this.#running.delete(job.id);
            this.#keysCame.delete(job.id);
            this.#parts.settled();
        }
    }

    async #run(job: Job, log: Logger): Promise<Outcome<Retry>> {
        if (this.#isOver(job)) return { is: "done" };
        const delivered = job.state === "delivered" ? job : await this.#deliver(job);
        if (delivered === undefined) return { is: "done" };
        const settled = this.#parts.messages.sent(deliveryIds(delivered.id).first);
        const invited = this.#reinvites.run(serverOf(job.userId), () => reinvite(this.#parts, delivered, settled));
        const [reason] = await Promise.all([invited, settled]);
        if (reason !== job.reason) log.info({ reason }, "shared the room's history");
        return { is: "done" };
    }

    /** Nobody has answered the invite for so long that nothing more is done for it. */
    #isOver(job: Job): boolean {
        const { database, jobs, clock } = this.#parts;
        if (job.state !== "queued" || !unansweredTooLong(job, clock.ran())) return false;
        return database.transaction(() => jobs.move(job, "expired", "unanswered"));
    }

    /** @returns the job as it stands after the delivery; undefined if something else moved it meanwhile. */
    async #deliver(job: Job): Promise<Job | undefined> {
        const started = job.state === "delivering" ? job : this.#start(job);
        if (started === undefined) return undefined;
        try {
            return await deliver(this.#parts, started);
        } catch (error) {
            if (!(error instanceof NoSignedDevice)) throw error;
            const reason = await this.#reinvites.run(serverOf(job.userId), () =>
                placeFirst(this.#parts, started, error),
            );
            this.#parts.log.info(
                { job: job.id, room: job.roomId, user: job.userId, reason },
                "invites first, as there is no device yet",
            );
            return undefined;
        }
    }

    #start(job: Job): Job | undefined {
        const { database, jobs } = this.#parts;
        return database.transaction(() =>
            jobs.move(job, "delivering", "delivering", 0) ? jobs.get(job.id) : undefined,
        );
    }

    /** Moves the job to where the fault leaves it, unless it is to be tried again. */
    #halt(job: Job, error: unknown, log: Logger): Outcome<Retry> {
        const halt = haltFor(error);
        if (halt.to === "overtaken") {
            log.debug({ reason: halt.reason }, "something else moved the delivery on");
            return { is: "done" };
        }
        const isOutdated = wantOfKeys.includes(halt.reason) && this.#keysCame.has(job.id);
        const why = isOutdated ? keysArrived : this.#settle(job.id, halt);
        tellHalt(log, halt, why === undefined ? halt.to : "retry");
        if (why === undefined) return { is: "done" };
        if (!isOutdated) return { is: "failed", retryAfterMs: halt.notBefore, cause: error, why };
        this.#retry(job.id, why, 0);
        return { is: "done" };
    }

    /** Answers why the job is tried again; undefined: it has been moved, or something else moved it. */
    #settle(jobId: number, halt: Halt): Retry | undefined {
        const { database, jobs, clock } = this.#parts;
        const { step, detail } = halt;
        return database.transaction(() => {
            const job = jobs.get(jobId);
            if (job === undefined || job.nextAttemptAt === undefined || step[0] === "overtaken") return undefined;
            if (step[0] === "retry") {
                if (!unansweredTooLong(job, clock.ran())) return { reason: step[1], detail, notBefore: halt.notBefore };
                jobs.move(job, "expired", "unanswered");
            } else {
                if (mayBePassing(halt, () => jobs.refusedFor(job)))
                    return { reason: "refused_once", detail, notBefore: undefined };
                jobs.move(job, ...step, undefined, detail);
            }
            return undefined;
        });
    }

    #retry(jobId: number, { reason, detail, notBefore }: Retry, wait: number): void {
        const { database, jobs } = this.#parts;
        database.transaction(() => {
            const job = jobs.get(jobId);
            if (job?.nextAttemptAt !== undefined) jobs.retry(job, reason, wait, detail, notBefore);
        });
    }

    async #check(check: ReinviteCheck): Promise<Outcome> {
        try {
            await checkReinvite(this.#parts, check);
            return { is: "done" };
        } catch (error) {
            if (isAbort(error) || this.#checks.isStopping) throw error;
            this.#parts.log.warn({ job: check.jobId, err: error }, "a re-invite could not be checked; trying again");
            return { is: "failed", retryAfterMs: retryAfterOf(error) };
        } finally {
            this.#parts.settled();
        }
    }

    async #prune(): Promise<Outcome> {
        try {
            await prune(this.#parts, this.#stopping.signal);
            return { is: "waits", until: this.#parts.clock.now() + betweenPrunes };
        } catch (error) {
            if (isAbort(error) || this.#pruning.isStopping) throw error;
            this.#parts.log.warn(
                { err: error },
                "what ended jobs left behind could not be removed; trying again later",
            );
            return { is: "failed" };
        }
    }
}

function tellHalt(log: Logger, { reason, cause }: Halt, to: string): void {
    const facts = { reason, ...(cause === undefined ? {} : { err: cause }) };
    if (reason === "internal_error") log.error(facts, "a fault stopped the delivery");
    else log.info(facts, `the delivery is ${to === "retry" ? "tried again later" : to}`);
}
