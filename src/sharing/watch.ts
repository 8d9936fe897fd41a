import { hasSignedDevice } from "../crypto/index.ts";
import { setTimeout as sleep } from "node:timers/promises";
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
import { concerned, devicesToServe } from "./ledger/devices.ts";
import { gatherFacts } from "./policy/facts.ts";
import { haltFor } from "./delivery/homeserver-faults.ts";
import type { Job } from "./ledger/jobs.ts";
import { type Reason, reasons } from "./ledger/reasons.ts";
import { unansweredTooLong, lookDelay, newDevicesFor, watchedAfterJoin } from "./ledger/schedule.ts";
import type { ShareClock } from "./ledger/share-clock.ts";
import { isOpen } from "./ledger/states.ts";
import type { Watch, Watches } from "./ledger/watches.ts";

export type DeviceWatchParts = DeliveryParts & {
    readonly watches: Watches;
    readonly clock: Pick<ShareClock, "ran">;
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

/** Invitees that one look asks for at most: a thousand fresh invites are looked at within two minutes, for a few percent of a core. */
const most = 50;
/** Milliseconds between two looks, unless somebody has just joined. */
const betweenLooks = 5_000;
/** Milliseconds until a look that is not allowed now, in a paused room for example, is tried again. */
const untilAllowed = 300_000;
/** Milliseconds. The clock may be set back by any amount, and a timer above 24 days fires at once. */
const longestTimer = 3_600_000;

/**
 * Looks again for the devices of people who were served, or who had none, as their homeservers tell nobody of new ones while they are only
 * invited; and gives a copy to each that has appeared. One question covers everybody who is due; whoever has just joined is asked for at once.
 */
export class DeviceWatch {
    readonly #parts: DeviceWatchParts;
    readonly #stopping = new AbortController();
    readonly #arriving = new Map<number, Promise<void>>();
    #looking: Promise<void> | undefined;
    #timer: NodeJS.Timeout | undefined;
    #lastLook = Number.NEGATIVE_INFINITY;

    constructor(parts: DeviceWatchParts) {
        this.#parts = parts;
    }

    /** Looks as soon as a look is due: after the start, after each recorded batch. */
    wake(): void {
        if (this.#stopping.signal.aborted) return;
        this.#welcome();
        if (this.#looking !== undefined) return;
        clearTimeout(this.#timer);
        const { watches, now } = this.#parts;
        const next = watches.nextAt(now());
        if (next === undefined) return;
        const rest = this.#lastLook + betweenLooks - performance.now();
        this.#timer = setTimeout(() => this.#startLook(), Math.min(Math.max(0, next - now(), rest), longestTimer));
    }

    /** Waits for what is under way to reach a place where it can be picked up again. */
    async stop(): Promise<void> {
        this.#stopping.abort();
        clearTimeout(this.#timer);
        await Promise.all([this.#looking, ...this.#arriving.values()]);
    }

    /** Nobody who has just joined waits for a look at others, whose homeservers may be slow. */
    #welcome(): void {
        const { watches, jobs, deviceKeys } = this.#parts;
        for (const watch of watches.arrivals(most)) {
            const job = jobs.get(watch.jobId);
            if (job === undefined || this.#arriving.has(job.id) || this.#arriving.size >= most) continue;
            const served = this.#rested(this.#serve({ watch, job }, (userId) => deviceKeys.refresh(userId))).finally(() => {
                this.#arriving.delete(job.id);
                this.wake();
            });
            this.#arriving.set(job.id, served);
        }
    }

    #startLook(): void {
        this.#lastLook = performance.now();
        this.#looking = this.#rested(this.#look()).finally(() => {
            this.#looking = undefined;
            this.wake();
        });
    }

    /** A stop ends it quietly; what could not be written down is done again after a rest. */
    async #rested(work: Promise<void>): Promise<void> {
        try {
            await work;
        } catch (error) {
            if (isAbort(error)) this.#stopping.abort();
            if (this.#stopping.signal.aborted) return;
            this.#parts.log.warn({ err: error }, "could not look for new devices; trying again");
            await sleep(betweenLooks, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
        }
    }

    async #look(): Promise<void> {
        const { watches, deviceKeys, jobs, now } = this.#parts;
        const due = watches.due(now(), most).flatMap((watch): readonly Watched[] => {
            const job = jobs.get(watch.jobId);
            return job === undefined || this.#isOver(watch, job) ? [] : [{ watch, job }];
        });
        // All come to their end before the first fault is told: a stop has to wait for each.
        const ends = await Promise.allSettled(due.map((watched) => this.#serve(watched, (userId) => deviceKeys.look(userId))));
        for (const end of ends) if (end.status === "rejected") throw end.reason;
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
        const { database, watches, facts, now, random } = this.#parts;
        const decision = decide(gatherFacts(facts, job, "not_asked"));
        if (!this.#mayLook(job, decision)) return this.#postpone(watch, job, decision);
        let answered = false;
        try {
            if (job.state === "failed") this.#release(job, "tried_again");
            else if (job.reason === "no_such_account") await this.#lookForAccount(job);
            else answered = await this.#lookForDevices(watch, job, ask);
        } catch (error) {
            if (isAbort(error)) throw error;
            this.#tell(job, error);
        }
        const at = now() + lookDelay(watch.looks, watch.joinedAt !== undefined, random());
        database.transaction(() => watches.looked(watch, { at, answered: watch.answered || answered }));
    }

    /**
     * Whose invitee has joined while it was held waits for a person, and nothing is asked on behalf of a paused or closed room. Where nothing
     * was sent to somebody who is still invited, a look sends nothing either: what a person has to release is asked when there is a device.
     */
    #mayLook(job: Job, decision: Decision): boolean {
        if (job.state === "held") return false;
        if (decision.verdict === "go") return true;
        return needsRelease(decision) && job.state !== "joined" && !this.#parts.jobs.wasSent(job.id);
    }

    /** Not now. Where the invitee's client waits for the bot's keys, and none were sent, nobody else's will be opened: the job says so. */
    #postpone(watch: Watch, job: Job, decision: Decision): void {
        const { database, watches, jobs, now } = this.#parts;
        database.transaction(() => {
            watches.postpone(watch, now() + untilAllowed);
            if (decision.verdict === "go" || jobs.wasSent(job.id)) return;
            const { reason } = decision;
            if (job.state === "reinvited") jobs.move(job, "reinvited", "place_blocked", undefined, reasons[reason]);
            if (job.state !== "joined") return;
            if (needsRelease(decision))
                jobs.move(job, "held", reason, undefined, decision.verdict === "hold" ? decision.detail : undefined);
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
    async #lookForDevices(watch: Watch, job: Job, ask: (userId: string) => Promise<Answered | undefined>): Promise<boolean> {
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
        const { database, jobs, devices, messages, log, now } = this.#parts;
        const served = devices.of(job.id);
        // Who logs in long after the join was not waiting for these keys: their other devices have them.
        const late = watch.joinedAt !== undefined && watch.answered && now() - watch.joinedAt >= newDevicesFor && jobs.wasSent(job.id);
        const considered = late ? { ...keys, devices: concerned(keys, served) } : keys;
        const deviceIds = devicesToServe(considered, served, watch.joinedAt !== undefined);
        database.transaction(() => devices.observe(job, considered, now()));
        if (deviceIds.length === 0) return;
        const { further, joined } = deliveryIds(job.id);
        const deliveryId = watch.joinedAt === undefined ? further : joined;
        await deliverAgain(this.#parts, job, { deliveryId, deviceIds, keys });
        if (job.reason === "joined_blocked") database.transaction(() => jobs.move(job, "joined", "joined"));
        await messages.sent(deliveryId);
        log.info({ job: job.id, room: job.roomId, user: job.userId, devices: deviceIds.length }, "gave the keys to further devices");
    }

    #release(job: Job, reason: Reason): void {
        const { database, jobs, released } = this.#parts;
        database.transaction(() => jobs.release(job, reason));
        released();
    }

    #tell(job: Job, error: unknown): void {
        const { log } = this.#parts;
        const { reason, cause, to } = haltFor(error);
        const facts = { job: job.id, room: job.roomId, user: job.userId, reason, ...(cause === undefined ? {} : { err: cause }) };
        if (reason === "internal_error") log.error(facts, "a fault stopped the delivery to a new device");
        else log.info(facts, "a new device is not served now");
        if (to === "held" && reason === "identity_changed") stopServed(this.#parts, job.userId);
    }
}
