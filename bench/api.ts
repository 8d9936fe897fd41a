import type { SynapseUser } from "../test/synapse/index.ts";

/** One user's bare HTTP calls: no SDK, no crypto, no retry. */
export class Api {
    readonly userId: string;
    readonly #url: string;
    readonly #token: string;

    private constructor(url: string, userId: string, token: string) {
        this.#url = url;
        this.userId = userId;
        this.#token = token;
    }

    static async login(url: string, { userId, localpart: user, password }: SynapseUser): Promise<Api> {
        const identifier = { type: "m.id.user", user };
        const body = JSON.stringify({ type: "m.login.password", identifier, password });
        const response = await fetch(`${url}/_matrix/client/v3/login`, { method: "POST", body });
        const { access_token: token } = (await response.json()) as { access_token: string };
        return new Api(url, userId, token);
    }

    /** `path` is what follows `/_matrix`; a body that is bytes goes as it is. */
    async call<T>(
        method: string,
        path: string,
        body?: object | Uint8Array<ArrayBuffer>,
        signal?: AbortSignal,
    ): Promise<T> {
        const response = await fetch(`${this.#url}/_matrix${path}`, {
            method,
            headers: { authorization: `Bearer ${this.#token}` },
            ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
            ...(signal === undefined ? {} : { signal }),
        });
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
        return (await response.json()) as T;
    }

    async invite(roomId: string, userId: string): Promise<void> {
        await this.call("POST", `/client/v3/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: userId });
    }

    async join(roomId: string): Promise<void> {
        await this.call("POST", `/client/v3/join/${encodeURIComponent(roomId)}`, {});
    }
}
