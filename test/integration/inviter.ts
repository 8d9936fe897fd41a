import { setTimeout as pause } from "node:timers/promises";
import type { Homeserver, SynapseUser } from "../synapse/index.ts";

/** How a series of invites went for the person who made them. */
interface Series {
    /** Those that the homeserver refused for now, each of which was made again when it allowed it. */
    readonly refusals: number;
    /** Milliseconds that the homeserver asked to wait, all in all. */
    readonly waited: number;
}

/** Somebody at a client without an SDK, who does things as fast as the homeserver lets them. */
export class Inviter {
    readonly userId: string;
    readonly #url: string;
    readonly #token: string;

    private constructor(url: string, userId: string, token: string) {
        this.#url = url;
        this.userId = userId;
        this.#token = token;
    }

    static async login(synapse: Homeserver, user: SynapseUser): Promise<Inviter> {
        return new Inviter(synapse.url, user.userId, await synapse.login(user));
    }

    async join(roomId: string): Promise<void> {
        const response = await this.#post(`/join/${encodeURIComponent(roomId)}`, {});
        if (!response.ok) throw new Error(`join: ${response.status} ${await response.text()}`);
    }

    /** One after the other, and each again after as long as the homeserver asks for. */
    async invite(roomId: string, userIds: readonly string[]): Promise<Series> {
        let [refusals, waited] = [0, 0];
        for (const userId of userIds) {
            for (
                let wait = await this.tryInvite(roomId, userId);
                wait !== undefined;
                wait = await this.tryInvite(roomId, userId)
            ) {
                refusals += 1;
                waited += wait;
                await pause(wait);
            }
        }
        return { refusals, waited };
    }

    /** Undefined: invited; else the milliseconds after which the homeserver may allow it. */
    async tryInvite(roomId: string, userId: string): Promise<number | undefined> {
        const response = await this.#post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: userId });
        if (response.ok) return undefined;
        const { retry_after_ms: wait, error } = (await response.json()) as { retry_after_ms?: number; error?: string };
        if (response.status !== 429 || wait === undefined) throw new Error(`invite: ${response.status} ${error ?? ""}`);
        return wait;
    }

    async #post(path: string, body: object): Promise<Response> {
        return await fetch(`${this.#url}/_matrix/client/v3${path}`, {
            method: "POST",
            headers: { authorization: `Bearer ${this.#token}` },
            body: JSON.stringify(body),
        });
    }
}
