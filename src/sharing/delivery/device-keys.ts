import { z } from "zod";
import type { CryptoPort, OutgoingRequests, UserKeys } from "../../crypto/index.ts";
import type { Homeserver } from "../../homeserver/index.ts";
import { serverOf } from "../../matrix/index.ts";
import { isOnesFault } from "./homeserver-faults.ts";
import { oldest, Together } from "../concurrency/together.ts";

/**
 * Milliseconds that one question for keys may take: our homeserver waits 10 s for the invitee's, and its answer that nobody is there has to reach us.
 * One attempt: a job that fails makes room for others, and is looked at anew before the next.
 */
const once = { timeoutMs: 20_000, attempts: 1 };

/** Users of one question or claim at most: what comes back is one step of the crypto worker, and nobody should wait long behind it. */
const most = 50;

const KeysAnswer = z.object({
    failures: z.record(z.string(), z.unknown()).optional().catch(undefined),
    device_keys: z.record(z.string(), z.unknown()).catch({}),
    master_keys: z.record(z.string(), z.unknown()).catch({}),
});

/** What a homeserver has just told of a user. */
export type Answered = UserKeys & {
    /** The answer spoke of this user, and the machine took all of it: what it does not show is not there. */
    readonly whole: boolean;
};

export interface DeviceKeysParts {
    readonly ownServer: string;
    readonly crypto: Pick<CryptoPort, "keysQuery" | "markSent" | "userKeys">;
    readonly homeserver: Pick<Homeserver, "keysQuery">;
    readonly outgoing: Pick<OutgoingRequests, "claim">;
}

/** Asks homeservers for other users' keys, for the machine and for us. Whoever asks at the same time shares a request; no server waits for another. */
export class DeviceKeys {
    readonly #parts: DeviceKeysParts;
    /** By server: our homeserver answers a question when the slowest server in it has. */
    readonly #questions = new Map<string, Together<string, Answered | undefined>>();
    readonly #looks = this.#questionsToAny();
    readonly #claims: Together<string, boolean>;

    constructor(parts: DeviceKeysParts) {
        this.#parts = parts;
        this.#claims = new Together({
            make: (userIds) => this.#claim(userIds),
            next: (waiting) => this.#nextToClaim(waiting),
            divisible: isOnesFault,
        });
    }

    /** The user's identity and devices as their homeserver says now; undefined: it cannot be reached, which is not the same as "has no devices". */
    refresh(userId: string): Promise<Answered | undefined> {
        return this.#questionsTo(serverOf(userId)).ask(userId);
    }

    /** Like `refresh`, but in one question with whoever else is looked at: for what may wait for slow servers. */
    look(userId: string): Promise<Answered | undefined> {
        return this.#looks.ask(userId);
    }

    /** Opens Olm sessions with the user's devices that have none. Answers whether the user's homeserver could be reached. */
    openSessions(userId: string): Promise<boolean> {
        return this.#claims.ask(userId);
    }

    #questionsTo(server: string): Together<string, Answered | undefined> {
        const known = this.#questions.get(server);
        if (known !== undefined) return known;
        const questions = this.#questionsToAny();
        this.#questions.set(server, questions);
        return questions;
    }

    #questionsToAny(): Together<string, Answered | undefined> {
        return new Together({ make: (userIds) => this.#ask(userIds), next: oldest(most), divisible: isOnesFault });
    }

    /** There is one claim at a time, so ours go first; then one server's, so that each waits only for itself. */
    #nextToClaim(waiting: readonly string[]): readonly string[] {
        const { ownServer } = this.#parts;
        const first = waiting.find((userId) => serverOf(userId) === ownServer) ?? waiting[0];
        return first === undefined ? [] : waiting.filter((userId) => serverOf(userId) === serverOf(first)).slice(0, most);
    }

    /** Users whose homeserver cannot be reached have no answer. */
    async #ask(userIds: readonly string[]): Promise<(userId: string) => Answered | undefined> {
        const { crypto, homeserver } = this.#parts;
        const users = [...new Set(userIds)];
        const request = await crypto.keysQuery(users);
        const answer = await homeserver.keysQuery(request.body, once);
        const told = KeysAnswer.parse(JSON.parse(answer));
        const failed = new Set(Object.keys(told.failures ?? {}));
        const reached = users.filter((userId) => !failed.has(serverOf(userId)));
        // The worker takes one after the other; nobody waits for the first before asking the second.
        const [, learnt] = await Promise.all([crypto.markSent(request, answer), crypto.userKeys(reached)]);
        const keys = new Map(
            reached.map((userId, index) => {
                const ofUser = learnt[index];
                return [userId, ofUser && { ...ofUser, whole: isWhole(told, userId, ofUser) }] as const;
            }),
        );
        return (userId) => keys.get(userId);
    }

    async #claim(userIds: readonly string[]): Promise<(userId: string) => boolean> {
        const answer = await this.#parts.outgoing.claim([...new Set(userIds)]);
        const failed = answer === undefined ? new Set<string>() : failedServers(answer);
        return (userId) => !failed.has(serverOf(userId));
    }
}

/** Nothing that was said of the user was sifted out: by name each device, and the identity, if there is one. */
function isWhole(told: z.infer<typeof KeysAnswer>, userId: string, { masterKey, devices }: UserKeys): boolean {
    const said = z
        .record(z.string(), z.unknown())
        .safeParse(Object.hasOwn(told.device_keys, userId) ? told.device_keys[userId] : undefined);
    if (!said.success) return false;
    const known = new Set(devices.map(({ deviceId }) => deviceId));
    return (
        Object.keys(said.data).every((deviceId) => known.has(deviceId)) && Object.hasOwn(told.master_keys, userId) === (masterKey !== null)
    );
}

function failedServers(answer: string): ReadonlySet<string> {
    return new Set(Object.keys(KeysAnswer.parse(JSON.parse(answer)).failures ?? {}));
}
