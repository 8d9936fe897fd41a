import type { BundleDelivery, CryptoPort, SealedDelivery } from "../../crypto/index.ts";
import type { Database } from "../../database/index.ts";
import { Failure } from "../../failures/index.ts";
import type { Homeserver } from "../../homeserver/index.ts";
import { isOnesFault, refusesOne } from "./homeserver-faults.ts";
import { type Copy, Sends } from "./sends.ts";
import { jobOfDelivery } from "../ledger/delivery-ids.ts";
import type { Job } from "../ledger/jobs.ts";
import { Sealings } from "./sealings.ts";
import { oldest, SharedRequests } from "../concurrency/shared-requests.ts";

/** Encrypted copies of one delivery on their way. */
export interface Outbound {
    readonly jobId: number;
    readonly deliveryId: string;
    readonly userId: string;
    readonly devices: readonly { readonly deviceId: string; readonly content: object }[];
    /** Asked right before each request that would carry any of it. @throws what keeps it from going out */
    readonly mayGo: () => void;
    /** Called in the transaction before each such request. */
    readonly begin: () => void;
}

export interface BundleMessagesParts {
    readonly database: Database;
    readonly crypto: Pick<CryptoPort, "sealBundles" | "deliveriesSent" | "unsentDeliveries">;
    readonly homeserver: Pick<Homeserver, "sendToDevice">;
    readonly now: () => number;
}

type OutboundCopy = Copy & { readonly outbound: Outbound };

/** Deliveries in one step of the crypto worker, or in one batch of requests, at most: others wait behind it. */
const most = 50;

/** Encrypts and sends `m.room_key_bundle` messages: those of deliveries that are at the same point go together. */
export class BundleMessages {
    readonly #parts: BundleMessagesParts;
    readonly #sends: Sends;
    readonly #sealings: Sealings;
    /** Jobs for which the worker has answered, which the next transaction writes down. */
    readonly #sealed = new Set<number>();
    readonly #sealing: SharedRequests<BundleDelivery, SealedDelivery>;
    readonly #sending: SharedRequests<Outbound, void>;
    readonly #forgetting: SharedRequests<string, void>;

    constructor(parts: BundleMessagesParts) {
        this.#parts = parts;
        this.#sends = new Sends(parts.database.sql);
        this.#sealings = new Sealings(parts.database.sql);
        const next = oldest(most);
        this.#sealing = new SharedRequests({
            make: (deliveries) => this.#sealAll(deliveries),
            next: (waiting) => nextToSeal(waiting, this.#sealings.suspects()),
            divisible: isOnesFault,
        });
        this.#sending = new SharedRequests({
            make: (outbound) => this.#sendAll(outbound),
            next,
            divisible: refusesOne,
        });
        this.#forgetting = new SharedRequests({
            make: (ids) => this.#forgetAll(ids),
            next: (waiting) => waiting,
            divisible: () => false,
        });
    }

    /** @throws Halt if the bot may have ended of it; if the worker or the disk is gone */
    async seal(job: Pick<Job, "id" | "approved">, delivery: BundleDelivery): Promise<SealedDelivery> {
        this.#sealings.check(job, this.#parts.now());
        return await this.#sealing.ask(delivery);
    }

    /** Resolves when the server has all of it. @throws what `mayGo` threw, or the homeserver's refusal or absence */
    send(outbound: Outbound): Promise<void> {
        return this.#sending.ask(outbound);
    }

    /** What was sent is on record: the bodies and their requests may be forgotten. */
    sent(deliveryId: string): Promise<void> {
        return this.#forgetting.ask(deliveryId);
    }

    /** Forgets what was encrypted for deliveries of which nothing more will come. */
    async prune(isOver: (deliveryId: string) => boolean): Promise<void> {
        const over = (await this.#parts.crypto.unsentDeliveries()).filter(isOver);
        if (over.length > 0) await this.#forgetAll(over);
        this.#parts.database.transaction(() => {
            this.#sends.prune();
            this.#sealings.prune();
        });
    }

    async #sealAll(deliveries: readonly BundleDelivery[]): Promise<(delivery: BundleDelivery) => SealedDelivery> {
        const sealed = await this.#encrypt(deliveries);
        return (delivery) => {
            const answer = sealed[deliveries.indexOf(delivery)];
            if (answer === undefined) throw new Error("the crypto worker left out a delivery");
            return answer;
        };
    }

    /** What the worker may die of is on disk before it begins. */
    async #encrypt(deliveries: readonly BundleDelivery[]): Promise<readonly SealedDelivery[]> {
        const { crypto, database } = this.#parts;
        const jobIds = deliveries.map(({ deliveryId }) => jobOfDelivery(deliveryId));
        database.transaction(() => {
            this.#noteSealed();
            this.#sealings.begin(jobIds);
        });
        try {
            const sealed = await crypto.sealBundles(deliveries);
            for (const jobId of jobIds) this.#sealed.add(jobId);
            return sealed;
        } catch (error) {
            if (!(error instanceof Failure && error.code === "worker_died"))
                for (const jobId of jobIds) this.#sealed.add(jobId);
            throw error;
        }
    }

    #noteSealed(): void {
        this.#sealings.over(this.#sealed);
        this.#sealed.clear();
    }

    async #sendAll(outbound: readonly Outbound[]): Promise<(one: Outbound) => void> {
        const { database, homeserver } = this.#parts;
        const stopped = new Map<Outbound, unknown>();
        let left: readonly OutboundCopy[] = outbound.flatMap(copiesOf);
        for (;;) {
            // Nothing between this look and the request.
            const going = left.filter((copy) => mayGo(copy.outbound, stopped));
            if (going.length === 0) break;
            const { txnId, copies } = database.transaction(() => {
                this.#noteSealed();
                const request = this.#sends.next(going);
                for (const one of new Set(request.copies.map((copy) => copy.outbound))) one.begin();
                return request;
            });
            await homeserver.sendToDevice("m.room.encrypted", txnId, bodyOf(copies), { attempts: 1 });
            const gone = new Set(copies);
            left = going.filter((copy) => !gone.has(copy));
        }
        return (one) => {
            if (stopped.has(one)) throw stopped.get(one);
        };
    }

    async #forgetAll(deliveryIds: readonly string[]): Promise<() => void> {
        const { crypto, database } = this.#parts;
        await crypto.deliveriesSent(deliveryIds);
        database.transaction(() => {
            for (const deliveryId of deliveryIds) this.#sends.forget(deliveryId);
        });
        return () => undefined;
    }
}

/** Those that the bot may have ended of go alone: an end then tells of whom. */
function nextToSeal(waiting: readonly BundleDelivery[], suspects: ReadonlySet<number>): readonly BundleDelivery[] {
    const isSuspect = ({ deliveryId }: BundleDelivery): boolean => suspects.has(jobOfDelivery(deliveryId));
    const others = waiting.filter((delivery) => !isSuspect(delivery));
    return others.length > 0 ? others.slice(0, most) : waiting.slice(0, 1);
}

function copiesOf(outbound: Outbound): readonly OutboundCopy[] {
    const { jobId, deliveryId, userId } = outbound;
    return outbound.devices.map(({ deviceId, content }) => ({
        jobId,
        deliveryId,
        userId,
        deviceId,
        content,
        outbound,
    }));
}

function mayGo(outbound: Outbound, stopped: Map<Outbound, unknown>): boolean {
    if (stopped.has(outbound)) return false;
    try {
        outbound.mayGo();
        return true;
    } catch (error) {
        stopped.set(outbound, error);
        return false;
    }
}

function bodyOf(copies: readonly Copy[]): string {
    const messages: Record<string, Record<string, object>> = {};
    for (const { userId, deviceId, content } of copies) messages[userId] = { ...messages[userId], [deviceId]: content };
    return JSON.stringify({ messages });
}
