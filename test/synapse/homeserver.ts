import { createHmac, randomBytes } from "node:crypto";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Program, TemporaryFolder, until } from "../process/index.ts";
import { type RateLimits, writeConfiguration } from "./configuration.ts";
import { installSynapse, type Progress } from "./installation.ts";

export interface SynapseOptions {
    readonly rateLimits?: RateLimits;
    /** Further keys of `homeserver.yaml`. */
    readonly more?: object;
    readonly progress?: Progress;
}

export interface SynapseUser {
    readonly userId: string;
    readonly localpart: string;
    readonly password: string;
}

// Synapse runs as long as its standard input is open: so it ends with us, however we end.
const launcher = `
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
from synapse.app.homeserver import main
main()
`;

/** A real Synapse on a loopback port, its data in a temporary folder; stopped and removed on disposal. */
export class Synapse {
    static readonly serverName = "backscroll.test";
    readonly url: string;
    readonly #python: string;
    readonly #folder: TemporaryFolder;
    readonly #registrationSecret: string;
    readonly #configuration: string;
    #process: Program;
    #admin: Promise<string> | undefined;

    private constructor(python: string, port: number, rateLimits: RateLimits, more: object) {
        this.url = `http://127.0.0.1:${port}`;
        this.#python = python;
        this.#folder = new TemporaryFolder("synapse");
        this.#registrationSecret = randomBytes(16).toString("hex");
        this.#configuration = writeConfiguration({
            folder: this.#folder.path,
            port,
            serverName: Synapse.serverName,
            registrationSecret: this.#registrationSecret,
            rateLimits,
            more,
        });
        this.#process = this.#launch();
    }

    /** Installs Synapse if need be, starts it on fresh data and waits until it answers. */
    static async start({ rateLimits = "generous", more = {}, progress }: SynapseOptions = {}): Promise<Synapse> {
        const synapse = new Synapse(await installSynapse(progress), await freePort(), rateLimits, more);
        await synapse.#ready();
        return synapse;
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
        return { userId: `@${localpart}:${Synapse.serverName}`, localpart, password };
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
        await this.#asAdmin("POST", `/users/${encodeURIComponent(userId)}/override_ratelimit`, { messages_per_second: 0, burst_count: 0 });
    }

    /** From now on, or not any more, this user is answered as if everything they do happened, and nothing does. */
    async shadowBan(userId: string, banned: boolean): Promise<void> {
        await this.#asAdmin(banned ? "POST" : "DELETE", `/users/${encodeURIComponent(userId)}/shadow_ban`, {});
    }

    /** As a server's admin removes a file, or media retention does. */
    async purgeMedia(mxc: string): Promise<void> {
        await this.#asAdmin("DELETE", `/media/${mxc.slice("mxc://".length)}`);
    }

    /** Stops the server and keeps its data: for `resume`. */
    async pause(): Promise<void> {
        await this.#process.stop();
    }

    /** Starts the server again on the same data and port. */
    async resume(): Promise<void> {
        this.#process = this.#launch();
        await this.#ready();
    }

    /** Stops it for as long as its database is copied. */
    async backUp(): Promise<void> {
        await this.pause();
        cpSync(this.#database, `${this.#database}.backup`);
        await this.resume();
    }

    /** Puts the copy back, as an admin does who has lost the database. */
    async restoreBackUp(): Promise<void> {
        await this.pause();
        for (const suffix of ["", "-wal", "-shm"]) rmSync(`${this.#database}${suffix}`, { force: true });
        cpSync(`${this.#database}.backup`, this.#database);
        await this.resume();
    }

    async #asAdmin(method: string, path: string, body: object = {}): Promise<void> {
        this.#admin ??= this.register("the-admin", { admin: true }).then(async (admin) => await this.login(admin));
        const headers = { authorization: `Bearer ${await this.#admin}` };
        const response = await fetch(`${this.url}/_synapse/admin/v1${path}`, { method, headers, body: JSON.stringify(body) });
        if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }

    get #database(): string {
        return join(this.#folder.path, "homeserver.db");
    }

    async [Symbol.asyncDispose](): Promise<void> {
        // Its data goes with it: no need to end well.
        await this.#process.kill();
        this.#folder[Symbol.dispose]();
    }

    #launch(): Program {
        return new Program({
            name: "Synapse",
            command: this.#python,
            args: ["-c", launcher, "-c", this.#configuration],
            cwd: this.#folder.path,
        });
    }

    async #ready(): Promise<void> {
        await until("Synapse to answer", async () => this.#answers(), { limitMs: 120_000 });
    }

    async #answers(): Promise<boolean> {
        if (!this.#process.running) throw new Error(`Synapse did not start:\n${this.#process.output}\n${this.#log()}`);
        try {
            return (await fetch(`${this.url}/_matrix/client/versions`)).ok;
        } catch {
            return false;
        }
    }

    #log(): string {
        try {
            return readFileSync(join(this.#folder.path, "homeserver.log"), "utf8").split("\n").slice(-30).join("\n");
        } catch {
            return "";
        }
    }
}

async function freePort(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const server = createServer()
        .on("error", reject)
        .listen(0, "127.0.0.1", () => {
            const address = server.address();
            const port = typeof address === "object" ? (address?.port ?? 0) : 0;
            server.close(() => resolve(port));
        });
    return await promise;
}
