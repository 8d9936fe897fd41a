import { z } from "zod";
import type { CryptoPort, OutgoingRequests, UserKeys } from "../crypto/index.ts";
import type { Homeserver } from "../homeserver/index.ts";
import { serverOf } from "../matrix/index.ts";

/**
 * Milliseconds that one question for keys may take: our homeserver waits 10 s for the invitee's, and its answer that nobody is there has to reach us.
 * One attempt: a job that fails makes room for others, and is looked at anew before the next.
 */
const once = { timeoutMs: 20_000, attempts: 1 };

const KeysAnswer = z.object({ failures: z.record(z.string(), z.unknown()).optional().catch(undefined) });

/** Asks homeservers for other users' keys, for the machine and for us. */
export class DeviceKeys {
    readonly #crypto: Pick<CryptoPort, "keysQuery" | "markSent" | "userKeys">;
    readonly #homeserver: Pick<Homeserver, "keysQuery">;
    readonly #outgoing: Pick<OutgoingRequests, "claim">;

    constructor(
        crypto: Pick<CryptoPort, "keysQuery" | "markSent" | "userKeys">,
        homeserver: Pick<Homeserver, "keysQuery">,
        outgoing: Pick<OutgoingRequests, "claim">,
    ) {
        this.#crypto = crypto;
        this.#homeserver = homeserver;
        this.#outgoing = outgoing;
    }

    /** Like `refresh` for many users with one question: users whose homeserver cannot be reached are absent. */
    async refreshAll(userIds: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, UserKeys>> {
        const request = await this.#crypto.keysQuery(userIds);
        const answer = await this.#homeserver.keysQuery(request.body, { signal, ...once });
        await this.#crypto.markSent(request, answer);
        const failed = failedServers(answer);
        const reached = userIds.filter((userId) => !failed.has(serverOf(userId)));
        const keys: (readonly [string, UserKeys])[] = [];
        for (const userId of reached) keys.push([userId, await this.#crypto.userKeys(userId)]);
        return new Map(keys);
    }

    /** The user's identity and devices as their homeserver says now; undefined: it cannot be reached, which is not the same as "has no devices". */
    async refresh(userId: string, signal: AbortSignal): Promise<UserKeys | undefined> {
        return (await this.refreshAll([userId], signal)).get(userId);
    }

    /** Opens Olm sessions with the user's devices that have none. Answers whether the user's homeserver could be reached. */
    async openSessions(userId: string): Promise<boolean> {
        const answer = await this.#outgoing.claim([userId]);
        return answer === undefined || !failedServers(answer).has(serverOf(userId));
    }
}

function failedServers(answer: string): ReadonlySet<string> {
    return new Set(Object.keys(KeysAnswer.parse(JSON.parse(answer)).failures ?? {}));
}
