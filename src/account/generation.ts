import { z } from "zod";
import type { CryptoPort, Generation } from "../crypto/index.ts";
import { Failure } from "../failures/index.ts";
import type { Homeserver } from "../homeserver/index.ts";

const content = z.object({ generation: z.int().nonnegative() });

export interface GenerationParts {
    readonly homeserver: Pick<Homeserver, "accountData" | "putAccountData">;
    readonly crypto: Pick<CryptoPort, "generation" | "setGeneration">;
    readonly userId: string;
    readonly deviceId: string;
    /** For sentences. */
    readonly dataDir: string;
    /**
     * The homeserver was itself put back to an older state: whatever it said since does not count. Has to be on disk
     * when this returns.
     */
    readonly onHomeserverWentBack: () => void;
}

/**
 * `old_copy`: somebody has gone on with this store since it was copied, and its ratchets must not be used.
 * `homeserver_went_back`: it has forgotten what it had; our store is the one to believe.
 * @param server what the homeserver has; undefined: nothing, at the first start or after somebody deleted it
 */
export function compareGenerations(
    ours: Generation,
    server: number | undefined,
): "ours" | "old_copy" | "homeserver_went_back" {
    if (server === undefined) return "ours";
    if (server > ours.value) return "old_copy";
    return server < ours.published ? "homeserver_went_back" : "ours";
}

/**
 * Guards against an old copy of the store that somebody put back by hand: a number counts up in the store and in the
 * account data of its device, and a store that is behind is an old one. Counted at every start before anything is
 * encrypted, after every snapshot, soon after the store changed, and hourly.
 */
export class StoreGeneration {
    readonly #parts: GenerationParts;
    #last: Promise<unknown> = Promise.resolve();

    constructor(parts: GenerationParts) {
        this.#parts = parts;
    }

    /**
     * Makes every copy of the store that was made until now an old one. One call at a time; an absent homeserver is
     * waited for.
     * @throws Failure `store_outdated` if this store itself is an old copy
     */
    claim(): Promise<void> {
        const run = this.#last.then(() => this.#claim());
        this.#last = run.catch(() => undefined);
        return run;
    }

    async #claim(): Promise<void> {
        const { crypto, deviceId, dataDir, onHomeserverWentBack } = this.#parts;
        // 1. Whose is the newer one?
        const [ours, server] = [await crypto.generation(), await this.#read()];
        const verdict = compareGenerations(ours, server);
        if (verdict === "old_copy")
            throw new Failure("store_outdated", {
                path: dataDir,
                found: ours.value,
                known: server ?? 0,
                device: deviceId,
            });
        if (verdict === "homeserver_went_back") onHomeserverWentBack();
        // 2. Here first: were it the homeserver first, a kill in between would make an old copy of the only store there
        //    is.
        const value = ours.value + 1;
        await crypto.setGeneration({ value, published: ours.published });
        // 3. From now on every copy with a lower number is refused.
        await this.#write(value);
        // 4. What the homeserver is known to have: should it show less one day, it went back.
        await crypto.setGeneration({ value, published: value });
    }

    async #read(): Promise<number | undefined> {
        const { homeserver, userId } = this.#parts;
        return content.safeParse(await homeserver.accountData(userId, this.#type())).data?.generation;
    }

    #write(generation: number): Promise<void> {
        const { homeserver, userId } = this.#parts;
        return homeserver.putAccountData(userId, this.#type(), { generation });
    }

    /** One of its own for each device: two bots on one account do not overwrite each other's. */
    #type(): string {
        return `org.backscroll.generation.${this.#parts.deviceId}`;
    }
}
