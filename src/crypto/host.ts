import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { Failure } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { CryptoPort } from "./port.ts";
import {
    type Call,
    fromPlainError,
    type FromWorker,
    type Method,
    ownedBuffers,
    toFailure,
    type WorkerStart,
} from "./rpc.ts";

export interface CryptoOptions {
    /** The file `crypto.sqlite`; made if it is not there. Its folder has to exist. */
    readonly path: string;
    readonly userId: string;
    readonly deviceId: string;
    /** 32 bytes. */
    readonly storeKey: Uint8Array;
    readonly log: Logger;
    /**
     * Called at most once: the worker has ended or can no longer be trusted, and the process has to end with this
     * reason.
     */
    readonly onFatal: (reason: Failure) => void;
    /** Told how many commits the store has on disk, after each one and before its answer. */
    readonly onCommit?: (commits: number) => void;
}

/**
 * The worker's thread. `ticks` periods of `tickMs` without a word of it mean that a call hangs; they are counted, so
 * that a suspended computer is no reason.
 */
export interface WorkerBody {
    readonly url: URL;
    readonly tickMs: number;
    readonly ticks: number;
}

const ourWorker: WorkerBody = {
    url: new URL(`./worker${extname(import.meta.filename)}`, import.meta.url),
    tickMs: 5_000,
    ticks: 24,
};
/**
 * A large import makes garbage without end, and V8 lets it grow to 48 MB in a thread before it looks: measured, 350 MB
 * for the process against 200 MB with this, in the same time.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 6 };
/** How long `close` waits for the operation that runs, in milliseconds. */
const CLOSE_MS = 2_500;

interface Pending {
    readonly method: Method;
    /** Takes what the method answers: only the call itself knows what that is. */
    readonly resolve: (value: never) => void;
    readonly reject: (reason: Error) => void;
}

/**
 * Starts the crypto worker on its store and answers when the store is open.
 * @throws {Failure} store_key_wrong, store_of_another_device, store_too_new, store_corrupt, store_locked, disk_full,
 * upgrade_needs_room, data_dir_unusable, worker_died
 */
export async function startCrypto(options: CryptoOptions, body: WorkerBody = ourWorker): Promise<CryptoPort> {
    const host = new WorkerHost(options, body);
    await host.ready;
    return portOf(host);
}

/** The worker seen from the main thread: one pending entry a call, and one way to end. */
class WorkerHost {
    readonly ready: Promise<void>;
    readonly #opened = Promise.withResolvers<void>();
    readonly #left = Promise.withResolvers<void>();
    readonly #worker: Worker;
    readonly #log: Logger;
    readonly #onFatal: (reason: Failure) => void;
    readonly #onCommit: (commits: number) => void;
    readonly #pending = new Map<number, Pending>();
    readonly #watch: NodeJS.Timeout;
    #state: "opening" | "open" | "closing" | "ended" = "opening";
    #lastId = 0;
    #idleTicks = 0;

    constructor(
        { log, onFatal, onCommit = () => undefined, path, userId, deviceId, storeKey }: CryptoOptions,
        body: WorkerBody,
    ) {
        this.ready = this.#opened.promise;
        this.#log = log;
        this.#onFatal = onFatal;
        this.#onCommit = onCommit;
        const start: WorkerStart = { path, userId, deviceId, storeKey: new Uint8Array(storeKey) };
        this.#worker = new Worker(body.url, { workerData: start, resourceLimits });
        this.#worker.on("message", (message: FromWorker<never>) => this.#hear(message));
        this.#worker.on("error", (error: unknown) => this.#end(toFailure(error)));
        this.#worker.on("messageerror", (error: Error) => this.#end(toFailure(error)));
        this.#worker.on("exit", (code) => this.#exited(code));
        this.#watch = setInterval(() => this.#tick(body), body.tickMs).unref();
    }

    call<M extends Method>(method: M, ...args: Parameters<CryptoPort[M]>): Promise<Awaited<ReturnType<CryptoPort[M]>>> {
        return this.#call([], method, ...args);
    }

    /**
     * `call` that hands those of these bytes over, instead of copying them, that have a buffer to themselves: they are
     * the worker's then.
     */
    callWith<M extends Method>(
        pieces: readonly Uint8Array[],
        method: M,
        ...args: Parameters<CryptoPort[M]>
    ): Promise<Awaited<ReturnType<CryptoPort[M]>>> {
        return this.#call(ownedBuffers(pieces), method, ...args);
    }

    #call<M extends Method>(
        handedOver: readonly ArrayBuffer[],
        method: M,
        ...args: Parameters<CryptoPort[M]>
    ): Promise<Awaited<ReturnType<CryptoPort[M]>>> {
        return new Promise((resolve, reject) => {
            if (this.#state === "ended")
                return reject(new Failure("worker_died", { detail: `it was asked to ${method} after its end` }));
            const call: Call = { id: ++this.#lastId, method, args };
            // First, as it may throw: nothing is pending then. No answer comes before this turn is over.
            this.#worker.postMessage(call, [...handedOver]);
            this.#pending.set(call.id, { method, resolve, reject });
        });
    }

    /** Ends the worker after what it is doing, or after the time limit without that. */
    async close(): Promise<void> {
        if (this.#state === "ended") return;
        this.#state = "closing";
        const limit = AbortSignal.timeout(CLOSE_MS);
        const late = new Promise<void>((resolve) => limit.addEventListener("abort", () => resolve(), { once: true }));
        await Promise.race([this.call("close"), this.#left.promise, late]);
        this.#stop(closed());
        await Promise.race([this.#worker.terminate(), late]);
    }

    /** A thread that was told to close may be gone before anybody could take note of its answer. */
    #exited(code: number): void {
        this.#left.resolve();
        if (this.#state === "closing" && code === 0) this.#stop(closed());
        else this.#end(new Failure("worker_died", { detail: `its thread ended with code ${code}` }));
    }

    #hear(message: FromWorker<never>): void {
        this.#idleTicks = 0;
        switch (message.type) {
            case "ready":
                this.#state = "open";
                return this.#opened.resolve();
            case "refused":
                return this.#end(toFailure(fromPlainError(message.error)));
            case "fault":
                return this.#end(toFailure(fromPlainError(message.error)));
            case "committed":
                return this.#onCommit(message.commits);
            case "answer":
                return this.#take(message.id)?.resolve(message.value);
            case "rejection":
                return this.#take(message.id)?.reject(fromPlainError(message.error));
            case "log":
                return this.#log[message.level](message.facts, message.message);
        }
    }

    #take(id: number): Pending | undefined {
        const pending = this.#pending.get(id);
        this.#pending.delete(id);
        return pending;
    }

    #tick({ ticks, tickMs }: WorkerBody): void {
        if (this.#pending.size === 0) this.#idleTicks = 0;
        else if (++this.#idleTicks >= ticks) {
            const [first] = this.#pending.values();
            this.#end(
                new Failure("worker_died", {
                    detail: `${first?.method} has not ended for ${(ticks * tickMs) / 1000} seconds`,
                }),
            );
        }
    }

    /**
     * The one way to a bad end: before the store was open it is the start that failed, afterwards the process has to
     * end.
     */
    #end(reason: Failure): void {
        if (this.#state === "ended") return;
        const opening = this.#state === "opening";
        this.#stop(reason);
        if (opening) this.#opened.reject(reason);
        else this.#onFatal(reason);
        void this.#worker.terminate();
    }

    #stop(reason: Failure): void {
        this.#state = "ended";
        clearInterval(this.#watch);
        for (const { reject } of this.#pending.values()) reject(reason);
        this.#pending.clear();
    }
}

const closed = (): Failure => new Failure("worker_died", { detail: "it was closed" });

function portOf(host: WorkerHost): CryptoPort {
    return {
        account: () => host.call("account"),
        createIdentity: (options) => host.call("createIdentity", options),
        exportIdentity: () => host.call("exportIdentity"),
        importIdentity: (secrets) => host.call("importIdentity", secrets),
        signOwnDevice: () => host.call("signOwnDevice"),
        receive: (changes) => host.call("receive", changes),
        outgoing: () => host.call("outgoing"),
        markSent: ({ id, kind }, response) => host.call("markSent", { id, kind }, response),
        keysQuery: (userIds) => host.call("keysQuery", userIds),
        keysClaim: (userIds) => host.call("keysClaim", userIds),
        trackUsers: (userIds) => host.call("trackUsers", userIds),
        shareRoomKey: (roomId, userIds, visibility) => host.call("shareRoomKey", roomId, userIds, visibility),
        encryptRoomEvent: (roomId, type, content) => host.call("encryptRoomEvent", roomId, type, content),
        rotate: (roomId) => host.call("rotate", roomId),
        heldSessions: (roomId, after) => host.call("heldSessions", roomId, after),
        keyRefusals: (roomId) => host.call("keyRefusals", roomId),
        findVerificationRequests: (roomId, events) => host.call("findVerificationRequests", roomId, events),
        setOwners: (owners) => host.call("setOwners", owners),
        keySenders: (roomId) => host.call("keySenders", roomId),
        setRooms: (roomIds, now) => host.call("setRooms", roomIds, now),
        setOutsiders: (roomId, userIds) => host.call("setOutsiders", roomId, userIds),
        holdings: (roomId) => host.call("holdings", roomId),
        shareableSet: (roomId) => host.call("shareableSet", roomId),
        buildBundle: (request) => host.callWith(request.times, "buildBundle", request),
        userKeys: (userIds) => host.call("userKeys", userIds),
        sealBundles: (deliveries) => host.call("sealBundles", deliveries),
        deliveriesSent: (deliveryIds) => host.call("deliveriesSent", deliveryIds),
        unsentDeliveries: () => host.call("unsentDeliveries"),
        sharingSigns: (roomId) => host.call("sharingSigns", roomId),
        roomsWithSigns: () => host.call("roomsWithSigns"),
        bundleOfferers: (roomId) => host.call("bundleOfferers", roomId),
        offeredBundle: (roomId, userId) => host.call("offeredBundle", roomId, userId),
        takeBundle: (bundle) => host.callWith([bundle.ciphertext], "takeBundle", bundle),
        forgetOffer: (roomId, sender) => host.call("forgetOffer", roomId, sender),
        importRoomKeys: (entries) => host.call("importRoomKeys", entries),
        exportRoomKeys: (roomId, after) => host.call("exportRoomKeys", roomId, after),
        forgetRoom: (roomId) => host.call("forgetRoom", roomId),
        handOver: (deviceId) => host.call("handOver", deviceId),
        roomsWithKeys: () => host.call("roomsWithKeys"),
        copyStore: (path) => host.call("copyStore", path),
        commits: () => host.call("commits"),
        generation: () => host.call("generation"),
        setGeneration: (generation) => host.call("setGeneration", generation),
        checkNext: () => host.call("checkNext"),
        ping: () => host.call("ping"),
        close: () => host.close(),
    };
}
