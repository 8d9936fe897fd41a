import { randomBytes } from "node:crypto";
import { cpSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Program, TemporaryFolder, until } from "../process/index.ts";
import { type RateLimits, writeConfiguration } from "./configuration.ts";
import { Homeserver, type HomeserverAddress } from "./homeserver.ts";
import { installSynapse, type Progress } from "./installation.ts";

export interface SynapseOptions {
    readonly rateLimits?: RateLimits;
    /** Further keys of `homeserver.yaml`. */
    readonly more?: object;
    readonly progress?: Progress;
}

// Synapse runs as long as its standard input is open: so it ends with us, however we end.
const launcher = `
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
from synapse.app.homeserver import main
main()
`;

/** A real Synapse of our own on a loopback port, its data in a temporary folder; stopped and removed on disposal. */
export class Synapse extends Homeserver {
    readonly address: HomeserverAddress;
    readonly #python: string;
    readonly #folder: TemporaryFolder;
    readonly #configuration: string;
    #process: Program;

    private constructor(python: string, port: number, rateLimits: RateLimits, more: object) {
        const address = { url: `http://127.0.0.1:${port}`, registrationSecret: randomBytes(16).toString("hex") };
        super(address);
        this.address = address;
        this.#python = python;
        this.#folder = new TemporaryFolder("synapse");
        this.#configuration = writeConfiguration({
            folder: this.#folder.path,
            port,
            serverName: Homeserver.serverName,
            registrationSecret: address.registrationSecret,
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
