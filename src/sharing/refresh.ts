import { isAbort } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { BundleFile } from "./bundle-files.ts";
import type { BundleMessages } from "./bundle-messages.ts";
import { deliverAgain, type DeliveryParts } from "./deliver.ts";
import type { DeviceKeys } from "./device-keys.ts";
import { Halt } from "./halt.ts";
import { pass } from "./gate.ts";
import { haltFor } from "./homeserver-faults.ts";
import type { Job } from "./jobs.ts";
import type { Refresh, Refreshes } from "./refreshes.ts";

export type RefreshParts = DeliveryParts & {
    readonly refreshes: Refreshes;
    readonly deviceKeys: Pick<DeviceKeys, "refresh" | "look" | "openSessions">;
    readonly messages: Pick<BundleMessages, "seal" | "send" | "sent">;
    readonly log: Logger;
};

/** Files that a room is made in an hour at most, for newcomers and for refreshing together. */
const mostAnHour = 6;
const hour = 3_600_000;
/** Milliseconds after which a refresh that could not be made is tried again. */
const again = 60_000;
/** Milliseconds. The clock may be set back by any amount, and a timer above 24 days fires at once. */
const longestTimer = 3_600_000;

/**
 * Sends the room's new bundle to everybody who was served and has not joined yet, when sessions have come since: a client opens the newest
 * bundle that it was sent, and only one.
 */
export class BundleRefresher {
    readonly #parts: RefreshParts;
    readonly #stopping = new AbortController();
    #working: Promise<void> | undefined;
    #timer: NodeJS.Timeout | undefined;

    constructor(parts: RefreshParts) {
        this.#parts = parts;
    }

    /** Works as soon as a refresh is due: after the start, after each recorded batch. */
    wake(): void {
        if (this.#stopping.signal.aborted || this.#working !== undefined) return;
        clearTimeout(this.#timer);
        const next = this.#parts.refreshes.nextAt();
        if (next === undefined) return;
        const wait = Math.max(0, next - this.#parts.now());
        this.#timer = setTimeout(() => this.#start(), Math.min(wait, longestTimer));
    }

    /** Waits for what is under way to reach a place where it can be picked up again. */
    async stop(): Promise<void> {
        this.#stopping.abort();
        clearTimeout(this.#timer);
        await this.#working;
    }

    #start(): void {
        this.#working = this.#refreshDue()
            .catch((error: unknown) => {
                if (isAbort(error)) this.#stopping.abort();
                if (!this.#stopping.signal.aborted) this.#parts.log.error({ err: error }, "a fault stopped the refreshing of bundles");
            })
            .finally(() => {
                this.#working = undefined;
                this.wake();
            });
    }

    async #refreshDue(): Promise<void> {
        const { refreshes, database, now } = this.#parts;
        for (const refresh of refreshes.due(now())) {
            if (this.#stopping.signal.aborted) return;
            const until = await this.#refresh(refresh);
            database.transaction(() => (until === undefined ? refreshes.made(refresh) : refreshes.postpone(refresh, until)));
        }
    }

    /** Answers until when the rest of it has to wait; undefined: nothing is left. */
    async #refresh({ roomId }: Refresh): Promise<number | undefined> {
        const { bundles, files, jobs, now } = this.#parts;
        const served = jobs.open(roomId).filter(({ id, state }) => isPending(state) && files.deliveryOf(id) !== undefined);
        const [ready, waiting] = this.#sift(served);
        const retryAt = waiting ? now() + again : undefined;
        if (ready.length === 0) return retryAt;
        const made = files.madeSince(roomId, now() - hour);
        if (made.count >= mostAnHour) return made.first + hour;
        try {
            const bundle = await bundles.current(roomId);
            const failed = await this.#serve(ready, bundle);
            return failed ? now() + again : retryAt;
        } catch (error) {
            if (isAbort(error)) throw error;
            return this.#tell(error, { room: roomId }) ? now() + again : retryAt;
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
        const deviceIds = devices.of(job.id).flatMap(({ deviceId, state }) => (state === "sent" ? [deviceId] : []));
        if (deviceIds.length === 0) return;
        const keys = await deviceKeys.look(job.userId);
        if (keys === undefined) throw new Halt("retry", "invitee_server_unreachable");
        // The same refresh after a crash gives out the same bodies under the same transaction ID.
        const deliveryId = `${job.id}-refreshed-${bundle.id}`;
        await deliverAgain(this.#parts, job, { deliveryId, deviceIds, keys });
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
        return to === "retry" || to === "held";
    }
}

function isPending(state: Job["state"]): boolean {
    return state === "delivered" || state === "reinvited";
}
