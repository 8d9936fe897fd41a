import { setTimeout as sleep } from "node:timers/promises";
import type { CryptoPort, UserKeys } from "../crypto/index.ts";
import { isAbort } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { deliverAgain, type DeliveryParts } from "./deliver.ts";
import type { DeviceKeys } from "./device-keys.ts";
import { devicesToServe } from "./devices.ts";
import { haltFor } from "./homeserver-faults.ts";
import type { Job } from "./jobs.ts";
import { lookDelay } from "./schedule.ts";
import type { Watch, Watches } from "./watches.ts";

export type DeviceWatchParts = DeliveryParts & {
    readonly watches: Watches;
    readonly deviceKeys: Pick<DeviceKeys, "refreshAll">;
    readonly crypto: Pick<CryptoPort, "deliverySent">;
    readonly log: Logger;
    /** In [0, 1); spreads the looks. */
    readonly random: () => number;
};

/** Invitees that one look asks for at most. */
const most = 200;
/** Deliveries to new devices under way at once. */
const atOnce = 4;
/** Milliseconds between two looks, unless somebody has just joined. */
const betweenLooks = 5_000;
/** Milliseconds for which a member's new devices are served after the join. */
const afterJoin = 24 * 3_600_000;
/** Milliseconds. The clock may be set back by any amount, and a timer above 24 days fires at once. */
const longestTimer = 3_600_000;

/**
 * Looks again for the devices of people who were served, or who had none, as their homeservers tell nobody of new ones while they are only
 * invited; and gives a copy to each that has appeared. One question covers everybody who is due.
 */
export class DeviceWatch {
    readonly #parts: DeviceWatchParts;
    readonly #stopping = new AbortController();
    #looking: Promise<void> | undefined;
    #timer: NodeJS.Timeout | undefined;
    #lastLook = Number.NEGATIVE_INFINITY;

    constructor(parts: DeviceWatchParts) {
        this.#parts = parts;
    }

    /** Looks as soon as a look is due: after the start, after each recorded batch, after each delivery. */
    wake(): void {
        if (this.#stopping.signal.aborted || this.#looking !== undefined) return;
        clearTimeout(this.#timer);
        const { watches, now } = this.#parts;
        const next = watches.nextAt();
        if (next === undefined) return;
        const rest = watches.hasArrival(now()) ? 0 : this.#lastLook + betweenLooks - performance.now();
        const wait = Math.max(0, next - now(), rest);
        this.#timer = setTimeout(() => this.#start(), Math.min(wait, longestTimer));
    }

    /** Waits for what is under way to reach a place where it can be picked up again. */
    async stop(): Promise<void> {
        this.#stopping.abort();
        clearTimeout(this.#timer);
        await this.#looking;
    }

    #start(): void {
        this.#lastLook = performance.now();
        this.#looking = this.#look()
            .catch(async (error: unknown) => {
                if (isAbort(error)) this.#stopping.abort();
                if (this.#stopping.signal.aborted) return;
                this.#parts.log.warn({ err: error }, "could not look for new devices; trying again");
                await sleep(betweenLooks, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
            })
            .finally(() => {
                this.#looking = undefined;
                this.wake();
            });
    }

    async #look(): Promise<void> {
        const { watches, deviceKeys, jobs, now } = this.#parts;
        const due = watches.due(now(), most).flatMap((watch) => {
            const job = jobs.get(watch.jobId);
            return job === undefined || this.#isOver(watch, job) ? [] : [{ watch, job }];
        });
        if (due.length === 0) return;
        const users = [...new Set(due.map(({ job }) => job.userId))];
        const keys = await deviceKeys.refreshAll(users, this.#stopping.signal);
        const queue = due.values();
        const serve = async (): Promise<void> => {
            for (const { watch, job } of queue) await this.#serve(watch, job, keys.get(job.userId));
        };
        // All come to their end before the first fault is told: a stop has to wait for each.
        const ends = await Promise.allSettled(Array.from({ length: atOnce }, serve));
        for (const end of ends) if (end.status === "rejected") throw end.reason;
    }

    #isOver({ jobId, joinedAt }: Watch, job: Job): boolean {
        const { database, jobs, watches, facts, now } = this.#parts;
        const member = facts.rooms.member(job.roomId, job.userId);
        return database.transaction(() => {
            if (joinedAt !== undefined && now() - joinedAt >= afterJoin) return jobs.move(job, "done", "watched_long_enough");
            if (job.state !== "refused" || (member?.membership === "invite" && member.eventId === job.inviteEventId)) return false;
            watches.end(jobId);
            return true;
        });
    }

    /** @param keys undefined: the user's homeserver cannot be reached */
    async #serve(watch: Watch, job: Job, keys: UserKeys | undefined): Promise<void> {
        if (this.#stopping.signal.aborted) return;
        const { database, watches, log, now, random } = this.#parts;
        try {
            if (keys !== undefined) await this.#serveNew(watch, job, keys);
        } catch (error) {
            if (isAbort(error)) throw error;
            const { reason, cause, to } = haltFor(error);
            const facts = { job: job.id, room: job.roomId, user: job.userId, reason, ...(cause === undefined ? {} : { err: cause }) };
            if (reason === "internal_error") log.error(facts, "a fault stopped the delivery to a new device");
            else log.info(facts, "a new device is not served now");
            if (to === "held" && reason === "identity_changed") this.#holdChanged(job);
        }
        const joined = watch.joinedAt !== undefined;
        database.transaction(() => watches.looked(watch, now() + lookDelay(watch.looks, joined, random())));
    }

    async #serveNew(watch: Watch, job: Job, keys: UserKeys): Promise<void> {
        const { database, jobs, devices, crypto, log } = this.#parts;
        const deviceIds = devicesToServe(keys, devices.of(job.id), watch.joinedAt);
        if (job.state === "refused") {
            if (deviceIds.length > 0 && keys.masterKey !== null) {
                database.transaction(() => jobs.release(job, "devices_appeared", { approved: false }));
            }
            return;
        }
        const existing = keys.devices.map(({ deviceId }) => deviceId);
        database.transaction(() => devices.forgetOthers(job.id, existing));
        if (deviceIds.length === 0) return;
        // The same look after a crash gives out the same bodies under the same transaction ID.
        const deliveryId = `${job.id}-${watch.joinedAt === undefined ? "invited" : "joined"}-${watch.looks}`;
        await deliverAgain(this.#parts, job, { deliveryId, deviceIds }, this.#stopping.signal);
        await crypto.deliverySent(deliveryId);
        log.info({ job: job.id, room: job.roomId, user: job.userId, devices: deviceIds.length }, "gave the keys to further devices");
    }

    /** Nothing more goes to an identity that is not the one first seen; after a join there is nothing left to hold back but the copies. */
    #holdChanged(job: Job): void {
        const { database, jobs } = this.#parts;
        database.transaction(() => jobs.move(job, job.state === "joined" ? "done" : "held", "identity_changed"));
    }
}
