import { Due, type Failed, type Outcome, type RunningClock } from "../due/index.ts";
import { isAbort } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { BundleFile } from "./bundle/bundle-files.ts";
import type { RoomBundles } from "./bundle/room-bundles.ts";
import type { BundleMessages } from "./delivery/bundle-messages.ts";
import { stopIfChanged } from "./changed-identity.ts";
import { copiesFor } from "./delivery/device-copy.ts";
import { deliverAgain, type DeliveryParts } from "./delivery/deliver.ts";
import type { DeviceKeys } from "./delivery/device-keys.ts";
import { Halt } from "./policy/halt.ts";
import { requireGo } from "./policy/gate.ts";
import { haltFor } from "./delivery/homeserver-faults.ts";
import type { Job } from "./ledger/jobs.ts";
import { nextFileAt } from "./ledger/refresh-pace.ts";
import { refusedForTheRoom } from "./room-changed.ts";
import type { Refresh, Refreshes } from "./ledger/refreshes.ts";

export type RefreshParts = DeliveryParts & {
    readonly refreshes: Refreshes;
    readonly bundles: Pick<RoomBundles, "current" | "newest">;
    readonly deviceKeys: Pick<DeviceKeys, "refresh" | "look" | "openSessions">;
    readonly messages: Pick<BundleMessages, "seal" | "send" | "sent">;
    readonly clock: Pick<RunningClock, "now">;
    readonly log: Logger;
    /** In [0, 1). */
    readonly random: () => number;
};

/** Rooms that are worked on at once: one whose invitees' homeservers do not answer holds up no other. */
const roomsAtOnce = 8;
/** Milliseconds after which a refresh that could not be made is tried again. */
const pace = { first: 60_000, longest: 3_600_000 } as const;
/** Milliseconds after which what is not allowed now, in a paused room for example, is looked at again. */
const untilAllowed = 60_000;
/** Milliseconds; the shortest time after which a room in which somebody is just being served is looked at again. */
const untilServed = 1_000;

/** `takenUpAt`: when it was found to be due, in milliseconds since the epoch. */
type DueRefresh = Refresh & { readonly takenUpAt: number };

/** Who may be sent the room's bundle now, and when somebody may be who may not now, by the running clock. */
interface Pending {
    readonly ready: readonly Job[];
    readonly later: number | undefined;
}

/**
 * Sends the room's new bundle to everybody who was served and has not joined yet, when sessions have come since or its
 * file is gone: a client opens the newest bundle that it was sent, and only one.
 */
export class BundleRefresher {
    readonly #parts: RefreshParts;
    readonly #due: Due<DueRefresh>;

    constructor(parts: RefreshParts) {
        this.#parts = parts;
        const { clock, database, log, now: wall, random, refreshes } = parts;
        const now = (): number => clock.now();
        this.#due = new Due({
            name: "the refreshing of bundles",
            atOnce: roomsAtOnce,
            pace,
            log,
            now,
            random,
            due: (at) => refreshes.due(at).map((due) => ({ ...due, takenUpAt: wall() })),
            nextAt: (at) => refreshes.nextAt(at),
            work: (refresh) => this.#refresh(refresh),
            record: (refresh, later) =>
                database.transaction(() =>
                    later === undefined
                        ? refreshes.made(refresh, now(), this.#hasMadeFile(refresh))
                        : refreshes.postpone(refresh, later, now()),
                ),
        });
    }

    wake(): void {
        this.#due.wake();
    }

    async stop(): Promise<void> {
        await this.#due.stop();
    }

    #hasMadeFile({ key: roomId, takenUpAt }: DueRefresh): boolean {
        return this.#parts.files.madeAt(roomId).some((at) => at >= takenUpAt);
    }

    async #refresh({ key: roomId, keysAt }: DueRefresh): Promise<Outcome> {
        const { files, clock, now } = this.#parts;
        const { ready, later } = this.#pending(roomId, keysAt);
        const rest: Outcome = later === undefined ? { is: "done" } : { is: "waits", until: later };
        if (ready.length === 0) return rest;
        const untilFile = nextFileAt(files.madeAt(roomId), now()) - now();
        const fileAt = clock.now() + untilFile;
        const failed = await this.#serve(roomId, ready, untilFile > 0);
        if (failed !== undefined) return failed;
        return untilFile > 0 ? { is: "waits", until: Math.min(fileAt, later ?? fileAt) } : rest;
    }

    /** @param keysAt when the keys came that the refresh is for */
    #pending(roomId: string, keysAt: number): Pending {
        const { clock, files, jobs } = this.#parts;
        const now = clock.now();
        const open = jobs.open(roomId);
        const served = open.filter(({ id, state }) => isPending(state) && files.deliveryOf(id) !== undefined);
        const [ready, held] = this.#sift(served);
        if (held) return { ready, later: now + untilAllowed };
        // Who is being served at this moment may be given the bundle of a moment ago.
        if (!open.some(({ state }) => state === "delivering")) return { ready, later: undefined };
        const sinceThen = Math.max(untilServed, Math.min(now - keysAt, untilAllowed));
        return { ready, later: now + sinceThen };
    }

    /** @param asItIs no new file may be made: whoever was not given the newest one is given that */
    async #serve(roomId: string, ready: readonly Job[], asItIs: boolean): Promise<Failed | undefined> {
        const { bundles } = this.#parts;
        try {
            const bundle = asItIs ? bundles.newest(roomId) : await bundles.current(roomId);
            return bundle === undefined ? undefined : await this.#sendToAll(ready, bundle);
        } catch (error) {
            if (isAbort(error)) throw error;
            return this.#tell(error, { room: roomId });
        }
    }

    /** Who may have the bundle now, and whether somebody may have it later. */
    #sift(served: readonly Job[]): readonly [readonly Job[], boolean] {
        let waiting = false;
        const ready = served.filter((job) => {
            try {
                requireGo(this.#parts, job, "not_asked");
                return true;
            } catch (error) {
                const { to, reason } = haltFor(error);
                if (to === "held" || to === "retry" || refusedForTheRoom.includes(reason)) waiting = true;
                return false;
            }
        });
        return [ready, waiting];
    }

    /** They go together, so that they share requests. */
    async #sendToAll(ready: readonly Job[], bundle: BundleFile): Promise<Failed | undefined> {
        const due = ready.filter(({ id }) => this.#parts.files.deliveryOf(id)?.fileId !== bundle.id);
        const ends = await Promise.allSettled(due.map((job) => this.#sendAgain(job, bundle)));
        const failures: Failed[] = [];
        for (const [index, end] of ends.entries()) {
            if (end.status === "fulfilled") continue;
            if (isAbort(end.reason)) throw end.reason;
            const job = due[index];
            const failed = this.#tell(end.reason, { job: job?.id, room: job?.roomId, user: job?.userId });
            if (failed !== undefined) failures.push(failed);
        }
        if (failures.length === 0) return undefined;
        const asked = failures.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
        return { is: "failed", retryAfterMs: asked.length === 0 ? undefined : Math.max(...asked) };
    }

    async #sendAgain(job: Job, bundle: BundleFile): Promise<void> {
        const { deviceKeys, devices, messages, log } = this.#parts;
        const served = devices.of(job.id);
        if (!served.some(({ state }) => state === "sent")) return;
        const keys = await deviceKeys.look(job.userId);
        if (keys === undefined) throw new Halt(["retry", "invitee_server_unreachable"]);
        if (stopIfChanged(this.#parts, job.userId, keys)) return;
        const { given: deviceIds } = copiesFor(keys, served, { occasion: "newer_file", joined: false, late: false });
        if (deviceIds.length === 0) return;
        // The same refresh after a crash gives out the same bodies under the same transaction ID.
        const deliveryId = `${job.id}-refreshed-${bundle.id}`;
        await deliverAgain(this.#parts, job, { deliveryId, deviceIds, keys, refreshed: bundle });
        await messages.sent(deliveryId);
        const facts = { job: job.id, room: job.roomId, user: job.userId, devices: deviceIds.length };
        log.info(facts, "sent the keys again with those that have come since");
    }

    /** Undefined: trying again cannot help. */
    #tell(error: unknown, facts: object): Failed | undefined {
        const { to, reason, cause, notBefore } = haltFor(error);
        const all = { ...facts, reason, ...(cause === undefined ? {} : { err: cause }) };
        if (reason === "internal_error") this.#parts.log.error(all, "a fault stopped the refreshing of a bundle");
        else this.#parts.log.info(all, "a bundle is not refreshed now");
        // What overtook it may be the bot's own invite: they still have the older bundle then.
        // What the homeserver refuses, an upload over a quota for example, it may allow in an hour.
        const isRefused = to === "refused" && !refusedForTheRoom.includes(reason);
        const mayHeal = !isRefused && to !== "cancelled" && reason !== "internal_error";
        return mayHeal ? { is: "failed", retryAfterMs: notBefore } : undefined;
    }
}

function isPending(state: Job["state"]): boolean {
    return state === "delivered" || state === "reinvited";
}
