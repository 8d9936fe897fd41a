import { isAbort } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { BundleFile } from "./bundle/bundle-files.ts";
import type { BundleMessages } from "./delivery/bundle-messages.ts";
import { stopIfChanged } from "./changed-identity.ts";
import { deliverAgain, type DeliveryParts } from "./delivery/deliver.ts";
import type { DeviceKeys } from "./delivery/device-keys.ts";
import { Halt } from "./policy/halt.ts";
import { pass } from "./policy/gate.ts";
import { haltFor } from "./delivery/homeserver-faults.ts";
import type { Job } from "./ledger/jobs.ts";
import type { Refresh, Refreshes } from "./ledger/refreshes.ts";

export type RefreshParts = DeliveryParts & {
    readonly refreshes: Refreshes;
    readonly deviceKeys: Pick<DeviceKeys, "refresh" | "look" | "openSessions">;
    readonly messages: Pick<BundleMessages, "seal" | "send" | "sent">;
    readonly log: Logger;
};

/** Files that a room is made in an hour at most, for newcomers and for refreshing together. */
const mostAnHour = 6;
const hour = 3_600_000;
/** Milliseconds after which a refresh that could not be made is tried again; twice as many each time that somebody could not be served. */
const again = 60_000;
/** Rooms that are worked on at once: one whose invitees' homeservers do not answer holds up no other. */
const roomsAtOnce = 8;
/** Milliseconds of rest when the ledger could not be written. */
const rest = 30_000;
/** Milliseconds. The clock may be set back by any amount, and a timer above 24 days fires at once. */
const longestTimer = 3_600_000;

/** What is left of a refresh that was tried. */
type Rest = "nothing" | { readonly at: number; readonly failures: number };

/**
 * Sends the room's new bundle to everybody who was served and has not joined yet, when sessions have come since: a client opens the newest
 * bundle that it was sent, and only one.
 */
export class BundleRefresher {
    readonly #parts: RefreshParts;
    readonly #stopping = new AbortController();
    readonly #working = new Map<string, Promise<void>>();
    #timer: NodeJS.Timeout | undefined;
    /** By the monotonic clock. */
    #notBefore = Number.NEGATIVE_INFINITY;

    constructor(parts: RefreshParts) {
        this.#parts = parts;
    }

    /** Works on what is due, and again when the next falls due: after the start, after each recorded batch. */
    wake(): void {
        if (this.#stopping.signal.aborted) return;
        clearTimeout(this.#timer);
        const resting = this.#notBefore - performance.now();
        if (resting > 0) return this.#wakeIn(resting);
        const { refreshes } = this.#parts;
        const now = this.#parts.now();
        for (const refresh of refreshes.due(now))
            if (this.#working.size < roomsAtOnce && !this.#working.has(refresh.roomId)) this.#start(refresh);
        const next = refreshes.nextAt(now);
        if (next !== undefined) this.#wakeIn(next - now);
    }

    /** Waits for what is under way to reach a place where it can be picked up again. */
    async stop(): Promise<void> {
        this.#stopping.abort();
        clearTimeout(this.#timer);
        await Promise.all(this.#working.values());
    }

    #wakeIn(milliseconds: number): void {
        this.#timer = setTimeout(() => this.wake(), Math.min(milliseconds, longestTimer));
    }

    #start(refresh: Refresh): void {
        const work = this.#work(refresh)
            .catch((error: unknown) => {
                if (isAbort(error)) this.#stopping.abort();
                if (this.#stopping.signal.aborted) return;
                // Where it stands could not be written down: it is taken up again.
                this.#notBefore = performance.now() + rest;
                this.#parts.log.error({ room: refresh.roomId, err: error }, "a fault stopped the refreshing of bundles; resting");
            })
            .finally(() => {
                this.#working.delete(refresh.roomId);
                this.wake();
            });
        this.#working.set(refresh.roomId, work);
    }

    async #work(refresh: Refresh): Promise<void> {
        const { refreshes, database, now } = this.#parts;
        const left = await this.#refresh(refresh);
        database.transaction(() => (left === "nothing" ? refreshes.made(refresh, now()) : refreshes.postpone(refresh, left)));
    }

    async #refresh({ roomId, failures }: Refresh): Promise<Rest> {
        const { bundles, files, jobs, now } = this.#parts;
        const open = jobs.open(roomId);
        const [ready, held] = this.#sift(open.filter(({ id, state }) => isPending(state) && files.deliveryOf(id) !== undefined));
        // Who is being served at this moment may be given the bundle of a moment ago.
        const waiting = held || open.some(({ state }) => state === "delivering");
        const later = { at: now() + again, failures };
        const worse = { at: now() + Math.min(again * 2 ** Math.min(failures, 20), hour), failures: failures + 1 };
        if (ready.length === 0) return waiting ? later : "nothing";
        const made = files.madeSince(roomId, now() - hour);
        if (made.count >= mostAnHour) return { at: made.first + hour, failures };
        try {
            const bundle = await bundles.current(roomId);
            if (await this.#serve(ready, bundle)) return worse;
            return waiting ? later : "nothing";
        } catch (error) {
            if (isAbort(error)) throw error;
            if (this.#tell(error, { room: roomId })) return worse;
            return waiting ? later : "nothing";
        }
    }

    /** Who may have the bundle now, and whether somebody may have it later. */
    #sift(served: readonly Job[]): readonly [readonly Job[], boolean] {
        let waiting = false;
        const ready = served.filter((job) => {
            try {
                pass(this.#parts, job, "not_asked");
                return true;
            } catch (error) {
                const { to } = haltFor(error);
                if (to === "held" || to === "retry") waiting = true;
                return false;
            }
        });
        return [ready, waiting];
    }

    /** Answers whether somebody could not be served who may be later. They go together, so that they share requests. */
    async #serve(ready: readonly Job[], bundle: BundleFile): Promise<boolean> {
        const due = ready.filter(({ id }) => this.#parts.files.deliveryOf(id)?.fileId !== bundle.id);
        const ends = await Promise.allSettled(due.map((job) => this.#sendAgain(job, bundle)));
        let failed = false;
        for (const [index, end] of ends.entries()) {
            if (end.status === "fulfilled") continue;
            if (isAbort(end.reason)) throw end.reason;
            const job = due[index];
            if (this.#tell(end.reason, { job: job?.id, room: job?.roomId, user: job?.userId })) failed = true;
        }
        return failed;
    }

    async #sendAgain(job: Job, bundle: BundleFile): Promise<void> {
        const { deviceKeys, devices, messages, log } = this.#parts;
        const served = new Set(devices.of(job.id).flatMap(({ deviceId, state }) => (state === "sent" ? [deviceId] : [])));
        if (served.size === 0) return;
        const keys = await deviceKeys.look(job.userId);
        if (keys === undefined) throw new Halt("retry", "invitee_server_unreachable");
        if (stopIfChanged(this.#parts, job.userId, keys)) return;
        const deviceIds = keys.devices.flatMap(({ deviceId, crossSigned }) => (crossSigned && served.has(deviceId) ? [deviceId] : []));
        if (deviceIds.length === 0) return;
        // The same refresh after a crash gives out the same bodies under the same transaction ID.
        const deliveryId = `${job.id}-refreshed-${bundle.id}`;
        await deliverAgain(this.#parts, job, { deliveryId, deviceIds, keys, refreshed: bundle });
        await messages.sent(deliveryId);
        const facts = { job: job.id, room: job.roomId, user: job.userId, devices: deviceIds.length };
        log.info(facts, "sent the keys again with those that have come since");
    }

    /** Answers whether trying again can help. */
    #tell(error: unknown, facts: object): boolean {
        const { to, reason, cause } = haltFor(error);
        const all = { ...facts, reason, ...(cause === undefined ? {} : { err: cause }) };
        if (reason === "internal_error") this.#parts.log.error(all, "a fault stopped the refreshing of a bundle");
        else this.#parts.log.info(all, "a bundle is not refreshed now");
        // What overtook it may be the bot's own invite: they still have the older bundle then.
        return to === "retry" || to === "held" || to === "overtaken";
    }
}

function isPending(state: Job["state"]): boolean {
    return state === "delivered" || state === "reinvited";
}
