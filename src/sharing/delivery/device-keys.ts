import { z } from "zod";
import type { CryptoPort, OutgoingRequests, UserKeys } from "../../crypto/index.ts";
import type { Homeserver } from "../../homeserver/index.ts";
import { serverOf } from "../../matrix/index.ts";
import { isOnesFault } from "./homeserver-faults.ts";
import { oldest, SharedRequests } from "../concurrency/shared-requests.ts";
import { Halt } from "../policy/halt.ts";

/**
 * Milliseconds that one question for keys may take: our homeserver waits 10 s for the invitee's, and its answer that
 * nobody is there has to reach us. One attempt: a job that fails makes room for others, and is looked at anew before
 * the next.
 */
const once = { timeoutMs: 20_000, attempts: 1 };

/**
 * Users of one question or claim at most: what comes back is one step of the crypto worker, and nobody should wait long
 * behind it.
 */
const most = 50;

/** Servers that did not answer, and users of whom nothing was taken: see `Homeserver.keysQuery`. */
const Failures = z.record(z.string(), z.object({ fault: z.string().optional().catch(undefined) }).catch({}));
const KeysAnswer = z.object({
    failures: Failures.catch({}),
    device_keys: z.record(z.string(), z.unknown()).catch({}),
    master_keys: z.record(z.string(), z.unknown()).catch({}),
});

/** What a homeserver has just told of a user. */
export type Answered = UserKeys & {
    /** The answer spoke of this user, and the machine took all of it: what it does not show is not there. */
    readonly whole: boolean;
};

/** Undefined: nothing. */
type Heard = Answered | "too_much" | undefined;

export interface DeviceKeysParts {
    readonly ownServer: string;
    readonly crypto: Pick<CryptoPort, "keysQuery" | "markSent" | "userKeys">;
    readonly homeserver: Pick<Homeserver, "keysQuery">;
    readonly outgoing: Pick<OutgoingRequests, "claim">;
}

/**
 * Asks homeservers for other users' keys, for the machine and for us. Whoever asks at the same time shares a request;
 * no server waits for another.
 */
export class DeviceKeys {
    readonly #parts: DeviceKeysParts;
    /** By server: our homeserver answers a question when the slowest server in it has. */
    readonly #questions = new Map<string, SharedRequests<string, Heard>>();
    readonly #looks = this.#questionsToAny();
    readonly #claims: SharedRequests<string, boolean>;

    constructor(parts: DeviceKeysParts) {
        this.#parts = parts;
        this.#claims = new SharedRequests({
            make: (userIds) => this.#claim(userIds),
            next: (waiting) => this.#nextToClaim(waiting),
            divisible: isOnesFault,
        });
    }

    /**
     * The user's identity and devices as their homeserver says now; undefined: it cannot be reached, or said nothing
     * that can be used, which is not the same as "has no devices". @throws Halt if they have more than the bot encrypts
     * for
     */
    async refresh(userId: string): Promise<Answered | undefined> {
        const heard = await this.#questionsTo(serverOf(userId)).ask(userId);
        if (heard === "too_much") throw new Halt(["held", "too_many_devices"]);
        return heard;
    }

    /**
     * Like `refresh`, but in one question with whoever else is looked at: for what may wait for slow servers. More
     * devices than the bot encrypts for are no answer here.
     */
    async look(userId: string): Promise<Answered | undefined> {
        const heard = await this.#looks.ask(userId);
        return heard === "too_much" ? undefined : heard;
    }

    /**
     * Opens Olm sessions with the user's devices that have none. Answers whether the user's homeserver could be
     * reached.
     */
    openSessions(userId: string): Promise<boolean> {
        return this.#claims.ask(userId);
    }

    #questionsTo(server: string): SharedRequests<string, Heard> {
        const known = this.#questions.get(server);
        if (known !== undefined) return known;
        const questions = this.#questionsToAny();
        this.#questions.set(server, questions);
        return questions;
    }

    #questionsToAny(): SharedRequests<string, Heard> {
        return new SharedRequests({
            make: (userIds) => this.#ask(userIds),
            next: oldest(most),
            divisible: isOnesFault,
        });
    }

    /** There is one claim at a time, so ours go first; then one server's, so that each waits only for itself. */
    #nextToClaim(waiting: readonly string[]): readonly string[] {
        const { ownServer } = this.#parts;
        const first = waiting.find((userId) => serverOf(userId) === ownServer) ?? waiting[0];
        return first === undefined
            ? []
            : waiting.filter((userId) => serverOf(userId) === serverOf(first)).slice(0, most);
    }

    /** Users whose homeserver cannot be reached have no answer. */
    async #ask(userIds: readonly string[]): Promise<(userId: string) => Heard> {
        const { crypto, homeserver } = this.#parts;
        const users = [...new Set(userIds)];
        const request = await crypto.keysQuery(users);
        const answer = await homeserver.keysQuery(request.body, once);
        const told = KeysAnswer.parse(JSON.parse(answer));
        const reached = users.filter((userId) => !isAbsent(told, userId));
        // The worker takes one after the other; nobody waits for the first before asking the second.
        const [, learnt] = await Promise.all([crypto.markSent(request, answer), crypto.userKeys(reached)]);
        const keys = new Map(
            reached.map((userId, index) => {
                const ofUser = learnt[index];
                return [userId, ofUser && { ...ofUser, whole: isWhole(told, userId, ofUser) }] as const;
            }),
        );
        return (userId) => (faultOf(told, userId) === "too_much" ? "too_much" : keys.get(userId));
    }

    async #claim(userIds: readonly string[]): Promise<(userId: string) => boolean> {
        const answers = await this.#parts.outgoing.claim([...new Set(userIds)]);
        const told = answers.map((answer) => KeysAnswer.parse(JSON.parse(answer)));
        return (userId) => !told.some((one) => isAbsent(one, userId));
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
        Object.keys(said.data).every((deviceId) => known.has(deviceId)) &&
        Object.hasOwn(told.master_keys, userId) === (masterKey !== null)
    );
}

/**
 * The user's homeserver has not answered, or nothing that can be used. Of whom an answer does not speak, it knows no
 * device.
 */
function isAbsent(told: z.infer<typeof KeysAnswer>, userId: string): boolean {
    const fault = faultOf(told, userId);
    return Object.hasOwn(told.failures, serverOf(userId)) || (fault !== undefined && fault !== "left_out");
}

function faultOf({ failures }: z.infer<typeof KeysAnswer>, userId: string): string | undefined {
    return Object.hasOwn(failures, userId) ? failures[userId]?.fault : undefined;
}
