import { z } from "zod";
import type { CryptoPort, UserKeys } from "../crypto/index.ts";
import type { Homeserver } from "../homeserver/index.ts";
import { serverOf } from "../matrix/index.ts";

/** Milliseconds that one question for keys may take: it waits for the invitee's homeserver, too. */
const timeoutMs = 10_000;

const KeysAnswer = z.object({ failures: z.record(z.string(), z.unknown()).optional() });

/** Asks homeservers for other users' keys, for the machine and for us. `claims` runs one claim at a time: two would hand out the same Olm session twice. */
export class DeviceKeys {
    readonly #crypto: Pick<CryptoPort, "keysQuery" | "keysClaim" | "markSent" | "userKeys">;
    readonly #homeserver: Pick<Homeserver, "keysQuery" | "keysClaim">;
    readonly #oneClaim: <T>(work: () => Promise<T>) => Promise<T>;

    constructor(
        crypto: Pick<CryptoPort, "keysQuery" | "keysClaim" | "markSent" | "userKeys">,
        homeserver: Pick<Homeserver, "keysQuery" | "keysClaim">,
        oneClaim: <T>(work: () => Promise<T>) => Promise<T>,
    ) {
        this.#crypto = crypto;
        this.#homeserver = homeserver;
        this.#oneClaim = oneClaim;
    }

    /** The user's identity and devices as their homeserver says now; undefined: it cannot be reached, which is not the same as "has no devices". */
    async refresh(userId: string, signal: AbortSignal): Promise<UserKeys | undefined> {
        const request = await this.#crypto.keysQuery([userId]);
        const answer = await this.#homeserver.keysQuery(request.body, { signal, timeoutMs });
        await this.#crypto.markSent(request, answer);
        return failedServers(answer).has(serverOf(userId)) ? undefined : await this.#crypto.userKeys(userId);
    }

    /** Opens Olm sessions with the user's devices that have none. Answers whether the user's homeserver could be reached. */
    async openSessions(userId: string, signal: AbortSignal): Promise<boolean> {
        return await this.#oneClaim(async () => {
            const request = await this.#crypto.keysClaim([userId]);
            if (request === undefined) return true;
            const answer = await this.#homeserver.keysClaim(request.body, { signal, timeoutMs });
            await this.#crypto.markSent(request, answer);
            return !failedServers(answer).has(serverOf(userId));
        });
    }
}

function failedServers(answer: string): ReadonlySet<string> {
    return new Set(Object.keys(KeysAnswer.parse(JSON.parse(answer)).failures ?? {}));
}
