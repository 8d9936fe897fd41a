import { hasSignedDevice } from "../crypto/index.ts";
import { type Homeserver, isAbort } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { BundleMessages } from "./delivery/bundle-messages.ts";
import { stopIfChanged, stopServed } from "./changed-identity.ts";
import { accountOf } from "./policy/account.ts";
import { decide, type Decision, needsRelease } from "./policy/decide.ts";
import { inviteStands } from "./policy/invite-stands.ts";
import { deliverAgain, type DeliveryParts } from "./delivery/deliver.ts";
import { deliveryIds } from "./ledger/delivery-ids.ts";
import type { Answered, DeviceKeys } from "./delivery/device-keys.ts";
import { copiesFor } from "./delivery/device-copy.ts";
import { gatherFacts } from "./policy/facts.ts";
import { haltFor } from "./delivery/homeserver-faults.ts";
import type { Job } from "./ledger/jobs.ts";
import { reasons } from "./ledger/reasons.ts";
import { unansweredTooLong, lookDelay, newDevicesFor, watchedAfterJoin } from "./ledger/schedule.ts";
import { Due, type DueItem, type Outcome, type RunningClock } from "../due/index.ts";
import { isOpen } from "./ledger/states.ts";
import type { ReasonOf } from "./ledger/steps.ts";
import type { Watch, Watches } from "./ledger/watches.ts";

export type DeviceWatchParts = DeliveryParts & {
    readonly watches: Watches;
    readonly clock: Pick<RunningClock, "ran" | "now">;
    readonly deviceKeys: Pick<DeviceKeys, "refresh" | "look" | "openSessions">;
    readonly messages: Pick<BundleMessages, "seal" | "send" | "sent">;
    readonly homeserver: Pick<Homeserver, "hasAccount">;
    readonly log: Logger;
    /** In [0, 1); spreads the looks. */
    readonly random: () => number;
    /** A job goes on: the runner has work. */
    readonly released: () => void;
};

interface Watched {
    readonly watch: Watch;
    readonly job: Job;
}

type DueWatch = DueItem & { readonly watch: Watch };

/** Invitees that are asked for at once at most, and those among them who have just joined. */
const most = 50;
/** Milliseconds. Looks are made at multiples of it, so that one question covers many. */
const betweenLooks = 5_000;
/** Milliseconds until a look that is not allowed now, in a paused room for example, is tried again. */
const untilAllowed = 300_000;
/** Milliseconds after a look that could not be written down. */
const pace = { first: betweenLooks, longest: 600_000 } as const;

/**
 * Looks again for the devices of people who were served, or who had none, as their homeservers tell nobody of new ones
 * while they are only invited; and gives a copy to each that has appeared. One question covers everybody who is due;
 * whoever has just joined is asked for at once, and does not wait for a look at others, whose homeservers may be slow.
 */
export class DeviceWatch {
    readonly #parts: DeviceWatchParts;
    readonly #due: Due<DueWatch>;
    /** The last time of looks, and who is still to be looked at then. */
    #look: { readonly at: number; readonly watches: Map<number, Watch> } = { at: 0, watches: new Map() };

    constructor(parts: DeviceWatchParts) {
        this.#parts = parts;
        const { clock, log, random, watches } = parts;
        this.#due = new Due({
            name: "the watch for devices",
            atOnce: 2 * most,
            pace,
            log,
            now: () => clock.now(),
            random,
            due: (now) => [
                ...watches.arrivals(most).map((watch) => ({ key: `${watch.jobId} joined`, failures: 0, watch })),
                ...this.#ofLook(atLook(now)).map((watch) => ({ key: String(watch.jobId), failures: 0, watch })),
            ],
            nextAt: (now) => {
                const next = watches.nextAt();
                return next === undefined
                    ? undefined
                    : Math.max(atLook(next + betweenLooks - 1), atLook(now) + betweenLooks);
            },
            work: ({ watch }) => this.#lookAt(watch),
            // When the next look is due stands in the row of the watch.
            record: () => undefined,
        });
    }

    /** Looks as soon as a look is due: after the start, after each recorded batch. */
    wake(): void {
        this.#due.wake();
    }

    /** Waits for what is under way to reach a place where it can be picked up again. */
    stop(): Promise<void> {
        return this.#due.stop();
    }

    /** However many are due, no more are asked for at once: whoever is under way from the look before is among them. */
    #ofLook(at: number): readonly Watch[] {
        if (this.#look.at !== at)
            this.#look = {
                at,
                watches: new Map(this.#parts.watches.due(at, most).map((watch) => [watch.jobId, watch])),
            };
        return [...this.#look.watches.values()];
    }

    async #lookAt(watch: Watch): Promise<Outcome> {
        const { deviceKeys, jobs } = this.#parts;
        const job = jobs.get(watch.jobId);
        const hasJoined = watch.joinedAt !== undefined && watch.looks === 0;
        if (!hasJoined) this.#look.watches.delete(watch.jobId);
        if (job === undefined || (!hasJoined && this.#isOver(watch, job))) return { is: "done" };
        await this.#serve({ watch, job }, (userId) =>
            hasJoined ? deviceKeys.refresh(userId) : deviceKeys.look(userId),
        );
        return { is: "done" };
    }

    #isOver({ jobId, joinedAt, joinedRan }: Watch, job: Job): boolean {
        const { database, jobs, watches, facts, clock } = this.#parts;
        const member = facts.rooms.member(job.roomId, job.userId);
        return database.transaction(() => {
            const ran = clock.ran();
            if (joinedAt !== undefined) {
                if (ran - joinedRan < watchedAfterJoin) return false;
                if (job.state === "held") return jobs.move(job, "cancelled", "released_too_late");
                if (!jobs.wasSent(jobId)) return jobs.move(job, "cancelled", "joined_unserved");
                return jobs.move(job, "done", "watched_long_enough");
            }
            const tooOld = unansweredTooLong(job, ran);
            if (isOpen(job.state)) return tooOld && jobs.move(job, "expired", "unanswered");
            if (!tooOld && inviteStands(job, member, facts.botUserId)) return false;
            watches.end(jobId);
            return true;
        });
    }

    async #serve({ watch, job }: Watched, ask: (userId: string) => Promise<Answered | undefined>): Promise<void> {
        const { database, watches, facts, clock, random } = this.#parts;
        const decision = decide(gatherFacts(facts, job, "not_asked"));
        if (!this.#mayLook(job, decision)) return this.#postpone(watch, job, decision);
        let [answered, retryAfter] = [false, 0];
        try {
            if (job.state === "failed") this.#release(job, "tried_again");
            else if (job.reason === "no_such_account") await this.#lookForAccount(job);
            else answered = await this.#lookForDevices(watch, job, ask);
        } catch (error) {
            if (isAbort(error)) throw error;
            retryAfter = this.#tell(job, error);
        }
        const at = clock.now() + Math.max(lookDelay(watch.looks, watch.joinedAt !== undefined, random()), retryAfter);
        database.transaction(() => watches.looked(watch, { at, answered: watch.answered || answered }));
    }

    /**
     * Whose invitee has joined while it was held waits for a person, and nothing is asked on behalf of a paused or
     * closed room. Where nothing was sent to somebody who is still invited, a look sends nothing either: what a person
     * has to release is asked when there is a device.
     */
    #mayLook(job: Job, decision: Decision): boolean {
        if (job.state === "held") return false;
        if (decision.verdict === "go") return true;
        return needsRelease(decision) && job.state !== "joined" && !this.#parts.jobs.wasSent(job.id);
    }

    /**
     * Not now. Where the invitee's client waits for the bot's keys, and none were sent, nobody else's will be opened:
     * the job says so.
     */
    #postpone(watch: Watch, job: Job, decision: Decision): void {
        const { database, watches, jobs, clock } = this.#parts;
        database.transaction(() => {
            watches.postpone(watch, clock.now() + untilAllowed);
            if (decision.verdict === "go" || jobs.wasSent(job.id)) return;
            const { reason } = decision;
            if (job.state === "reinvited") jobs.move(job, "reinvited", "place_blocked", undefined, reasons[reason]);
            if (job.state !== "joined") return;
            if (decision.verdict === "hold" && needsRelease(decision))
                jobs.move(job, "held", decision.reason, undefined, decision.detail);
            else jobs.move(job, "joined", "joined_blocked", undefined, reasons[reason]);
        });
    }

    async #lookForAccount(job: Job): Promise<void> {
        const { database, jobs, homeserver, clock, now } = this.#parts;
        const account = accountOf(job, await homeserver.hasAccount(job.userId), { ran: clock.ran(), now: now() });
        if (account === "missing") return;
        database.transaction(() => {
            jobs.setAccount(job, account);
            if (account === "late") jobs.move(job, "held", "account_appeared_late");
        });
        if (account === "there") this.#release(job, "account_appeared");
    }

    /** Answers whether the user's homeserver did. */
    async #lookForDevices(
        watch: Watch,
        job: Job,
        ask: (userId: string) => Promise<Answered | undefined>,
    ): Promise<boolean> {
        const keys = await ask(job.userId);
        if (keys === undefined) return false;
        const changed = stopIfChanged(this.#parts, job.userId, keys);
        const isFirst = job.state !== "joined" && !this.#parts.jobs.wasSent(job.id);
        // Where nothing went out yet, the runner delivers, and what holds it next is a person's to decide.
        if (isFirst) this.#lookForFirst(job, keys);
        else if (!changed) await this.#serveNew(watch, job, keys);
        return true;
    }

    #lookForFirst(job: Job, keys: Answered): void {
        const { database, jobs, devices, now } = this.#parts;
        if (hasSignedDevice(keys)) return this.#release(job, "devices_appeared");
        database.transaction(() => {
            devices.observe(job, keys, now());
            if (job.reason === "place_blocked") jobs.move(job, "reinvited", "waits_for_device");
        });
    }

    async #serveNew(watch: Watch, job: Job, keys: Answered): Promise<void> {
        const { clock, database, jobs, devices, messages, log, now } = this.#parts;
        const joined = watch.joinedAt !== undefined;
        const late = joined && watch.answered && clock.now() - watch.joinedAt >= newDevicesFor && jobs.wasSent(job.id);
        const { given: deviceIds, considered } = copiesFor(keys, devices.of(job.id), {
            occasion: "look",
            joined,
            late,
        });
        database.transaction(() => devices.observe(job, { ...keys, devices: considered }, now()));
        if (deviceIds.length === 0) return;
        const ids = deliveryIds(job.id);
        const deliveryId = joined ? ids.joined : ids.further;
        await deliverAgain(this.#parts, job, { deliveryId, deviceIds, keys });
        if (job.reason === "joined_blocked") database.transaction(() => jobs.move(job, "joined", "joined"));
        await messages.sent(deliveryId);
        log.info(
            { job: job.id, room: job.roomId, user: job.userId, devices: deviceIds.length },
            "gave the keys to further devices",
        );
    }

    #release(job: Job, reason: ReasonOf<"queued" | "joined">): void {
        const { database, jobs, released } = this.#parts;
        database.transaction(() => jobs.release(job, reason));
        released();
    }

    /** Answers for how many milliseconds nobody wants to be asked. */
    #tell(job: Job, error: unknown): number {
        const { log } = this.#parts;
        const { reason, cause, to, notBefore = 0 } = haltFor(error);
        const facts = {
            job: job.id,
            room: job.roomId,
            user: job.userId,
            reason,
            ...(cause === undefined ? {} : { err: cause }),
        };
        if (reason === "internal_error") log.error(facts, "a fault stopped the delivery to a new device");
        else log.info(facts, "a new device is not served now");
        if (to === "held" && reason === "identity_changed") stopServed(this.#parts, job.userId);
        return notBefore;
    }
}

/** The last time at or before this one at which looks are made. */
export function atLook(time: number): number {
    return Math.floor(time / betweenLooks) * betweenLooks;
}
