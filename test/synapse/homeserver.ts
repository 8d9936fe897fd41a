import { createHmac, randomBytes } from "node:crypto";

/** Where a Synapse answers, and what makes accounts on it: all that another process needs to use it. */
export interface HomeserverAddress {
    readonly url: string;
    readonly registrationSecret: string;
}

export interface SynapseUser {
    readonly userId: string;
    readonly localpart: string;
    readonly password: string;
}

/** A Synapse that runs, whoever started it: what many stories may do to it at once. */
export class Homeserver {
    static readonly serverName = "backscroll.test";
    readonly url: string;
    readonly #registrationSecret: string;
    #adminToken: Promise<string> | undefined;

    constructor({ url, registrationSecret }: HomeserverAddress) {
        this.url = url;
        this.#registrationSecret = registrationSecret;
    }

    /** Registers a user through the admin's registration API. */
    async register(localpart: string, { admin = false } = {}): Promise<SynapseUser> {
        const password = `password of ${localpart}`;
        const url = `${this.url}/_synapse/admin/v1/register`;
        const { nonce } = (await (await fetch(url)).json()) as { nonce: string };
        const mac = createHmac("sha1", this.#registrationSecret)
            .update([nonce, localpart, password, admin ? "admin" : "notadmin"].join("\0"))
            .digest("hex");
        const body = JSON.stringify({ nonce, username: localpart, password, admin, mac, inhibit_login: true });
        const response = await fetch(url, { method: "POST", body });
        if (!response.ok) throw new Error(`registering ${localpart}: ${response.status} ${await response.text()}`);
        return { userId: `@${localpart}:${Homeserver.serverName}`, localpart, password };
    }

    /** Logs in without an SDK, and answers the access token. */
    async login({ localpart: user, password }: SynapseUser, deviceId?: string): Promise<string> {
        const identifier = { type: "m.id.user", user };
        const body = JSON.stringify({
            type: "m.login.password",
            identifier,
            password,
            ...(deviceId === undefined ? {} : { device_id: deviceId }),
        });
        const response = await fetch(`${this.url}/_matrix/client/v3/login`, { method: "POST", body });
        const { access_token: token } = (await response.json()) as { access_token: string };
        return token;
    }

    /** As a server's admin does for bots: this user is never limited again, and what they do counts against nobody. */
    async liftLimits(userId: string): Promise<void> {
        await this.#asAdmin("POST", `/users/${encodeURIComponent(userId)}/override_ratelimit`, {
            messages_per_second: 0,
            burst_count: 0,
        });
    }

    /** From now on, or not any more, this user is answered as if everything they do happened, and nothing does. */
    async shadowBan(userId: string, banned: boolean): Promise<void> {
        await this.#asAdmin(banned ? "POST" : "DELETE", `/users/${encodeURIComponent(userId)}/shadow_ban`, {});
    }

    /** As a server's admin removes a file, or media retention does. */
    async purgeMedia(mxc: string): Promise<void> {
        await this.#asAdmin("DELETE", `/media/${mxc.slice("mxc://".length)}`);
    }

    async #asAdmin(method: string, path: string, body: object = {}): Promise<void> {
        this.#adminToken ??= this.#logInAdmin();
        const headers = { authorization: `Bearer ${await this.#adminToken}` };
        const response = await fetch(`${this.url}/_synapse/admin/v1${path}`, {
            method,
            headers,
            body: JSON.stringify(body),
        });
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }

    /** Each process that needs one makes an admin of its own. */
    async #logInAdmin(): Promise<string> {
        return await this.login(await this.register(`the-admin-${randomBytes(4).toString("hex")}`, { admin: true }));
    }
}
