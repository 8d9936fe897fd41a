import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Program, type ProgramExit, TemporaryFolder, until } from "../process/index.ts";
import { Homeserver, type SynapseUser } from "../synapse/index.ts";
import type { JobShown, StatusShown } from "./status-shown.ts";

const sources = join(import.meta.dirname, "../../src/main.ts");

/**
 * Milliseconds: the least from the begin of one `status` to the same one again, and for how long at most an answer may
 * be used again.
 */
const restOfStatusMs = { least: 500, most: 2_000 };

export type WorkerFault = "panic" | "reject" | "exit" | "stuck" | "commit";

export interface CommandResult {
    readonly code: number | null;
    /** Standard output. */
    readonly answer: string;
    /** Standard output and error. */
    readonly output: string;
}

interface StatusAnswer {
    /** When it was asked for, by the monotonic clock. */
    readonly at: number;
    /** What was to be seen of the database just before. */
    readonly seen: string;
    readonly shown: StatusShown;
}

/** The bot as an operator runs it: a process, its environment and its data folder, which outlives the process. */
export class Bot {
    readonly userId: string;
    readonly #folder = new TemporaryFolder("bot");
    readonly #environment: Readonly<Record<string, string>>;
    readonly #program: string;
    #process: Program | undefined;
    /** The last answer to each `status`, by its arguments. */
    readonly #lastStatus = new Map<string, StatusAnswer>();

    /**
     * `settings` are further environment variables, without their `BACKSCROLL_`; an empty one is as good as none.
     * `program` is the executable's path.
     */
    constructor(
        synapse: Homeserver,
        user: SynapseUser,
        settings: Readonly<Record<string, string>> = {},
        program = sources,
    ) {
        this.#program = program;
        this.userId = user.userId;
        const all = {
            HOMESERVER_URL: synapse.url,
            HOMESERVER_USER_ID: user.userId,
            HOMESERVER_PASSWORD: user.password,
            DATA_DIR: this.dataFolder,
            INVITES_FROM: `@*:${Homeserver.serverName}`,
            LOG_LEVEL: "debug",
            ...settings,
        };
        this.#environment = {
            PATH: process.env["PATH"] ?? "",
            HOME: this.#folder.path,
            ...settingsAsEnvironment(all),
        };
    }

    get dataFolder(): string {
        return join(this.#folder.path, "data");
    }

    get #faultFile(): string {
        return join(this.#folder.path, "fault");
    }

    get #clockFile(): string {
        return join(this.#folder.path, "clock");
    }

    get process(): Program {
        if (this.#process === undefined) throw new Error("the bot was not started");
        return this.#process;
    }

    /** Starts the process and waits until it follows its homeserver. */
    async run(): Promise<void> {
        this.launch();
        await this.ready();
    }

    async ready(limitMs?: number): Promise<void> {
        await this.process.line((line) => line.includes('"msg":"ready"'), limitMs);
    }

    /** Starts the process and waits for nothing. */
    launch(): Program {
        this.#process = this.#start("the bot", [this.#program, "run"]);
        return this.#process;
    }

    /**
     * Starts a process whose crypto worker can be harmed (see `planted-fault.ts`), and waits until it follows its
     * homeserver.
     */
    async runFragile(): Promise<void> {
        rmSync(this.#faultFile, { force: true });
        const fault = { FAULT_FILE: this.#faultFile };
        this.#process = this.#start(
            "the bot",
            ["--import", join(import.meta.dirname, "planted-fault.ts"), this.#program, "run"],
            fault,
        );
        await this.ready();
    }

    /** Starts a process whose clock can be moved (see `moved-clock.ts`), and waits until it follows its homeserver. */
    async runWithOwnClock(): Promise<void> {
        const clock = { CLOCK_FILE: this.#clockFile };
        this.#process = this.#start(
            "the bot",
            ["--import", join(import.meta.dirname, "moved-clock.ts"), this.#program, "run"],
            clock,
        );
        await this.ready();
    }

    /** @param ms from the true time */
    moveClock(ms: number): void {
        writeFileSync(`${this.#clockFile}.new`, String(ms));
        renameSync(`${this.#clockFile}.new`, this.#clockFile);
    }

    harmWorker(fault: WorkerFault): void {
        // Renamed, so that it is never seen half written.
        writeFileSync(`${this.#faultFile}.new`, fault);
        renameSync(`${this.#faultFile}.new`, this.#faultFile);
    }

    /** Waits until the fault is in effect. */
    async workerHarmed(): Promise<void> {
        await until("the fault to take effect", () => !existsSync(this.#faultFile), { everyMs: 10 });
    }

    /** Starts another command and waits for nothing. */
    launchCommand(...args: readonly string[]): Program {
        return this.#start(`backscroll ${args[0] ?? ""}`, [this.#program, ...args]);
    }

    /** Runs another command with the bot's own environment. */
    async command(...args: readonly string[]): Promise<CommandResult> {
        return await this.commandWith({}, ...args);
    }

    /** `command` with further settings, as for the constructor. */
    async commandWith(settings: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CommandResult> {
        const program = this.#start(
            `backscroll ${args[0] ?? ""}`,
            [this.#program, ...args],
            settingsAsEnvironment(settings),
        );
        const { code } = await program.exited;
        return { code, answer: program.answer, output: program.output };
    }

    /**
     * Each is a process, and what is waited for needs the machine: asked again, it rests in between. All that it shows
     * stands in the database, so that the same answer counts again while nothing is written to that.
     */
    async status(...args: readonly string[]): Promise<StatusShown> {
        const last = this.#lastStatus.get(args.join(" "));
        const age = performance.now() - (last?.at ?? Number.NEGATIVE_INFINITY);
        if (last?.seen === this.#seen() && age < restOfStatusMs.most) return last.shown;
        await pause(Math.max(0, restOfStatusMs.least - age));
        const [at, seen] = [performance.now(), this.#seen()];
        const { code, answer, output } = await this.command("status", "--json", ...args);
        if (code !== 0) throw new Error(`status ended with ${code ?? "a signal"}:\n${output}`);
        const shown = JSON.parse(answer) as StatusShown;
        this.#lastStatus.set(args.join(" "), { at, seen, shown });
        return shown;
    }

    /** Waits until the newest job of this invitee in this room is in one of `states`, and answers it. */
    async job(roomId: string, userId: string, ...states: readonly string[]): Promise<JobShown> {
        let seen: JobShown | undefined;
        try {
            return await until(`a job in ${states.join(" or ")}`, async () => {
                [seen] = (await this.status("--room", roomId, "--user", userId)).jobs;
                return seen !== undefined && states.includes(seen.state) && seen;
            });
        } catch (cause) {
            throw new Error(`the job is ${JSON.stringify(seen)}; the bot's log:\n${this.#process?.output ?? ""}`, {
                cause,
            });
        }
    }

    /** Ends it as `docker stop` does, and answers how it ended. */
    async stop(): Promise<ProgramExit> {
        return await this.process.stop();
    }

    /** Ends it as a power cut does. */
    async kill(): Promise<void> {
        await this.process.kill();
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.#process?.kill();
        this.#folder[Symbol.dispose]();
    }

    /** Another one whenever the bot's database was written to, and whenever the bot is another process. */
    #seen(): string {
        const files = ["backscroll.sqlite", "backscroll.sqlite-wal"].map((name) => join(this.dataFolder, name));
        const stats = files.map((file) => statSync(file, { throwIfNoEntry: false }));
        const running = this.#process?.running === true ? this.#process.pid : 0;
        return [running, ...stats.flatMap((stat) => [stat?.mtimeMs, stat?.size])].join(" ");
    }

    #start(name: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Program {
        return new Program({
            name,
            command: process.execPath,
            args,
            cwd: this.#folder.path,
            env: { ...this.#environment, ...more },
        });
    }
}

function settingsAsEnvironment(settings: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`BACKSCROLL_${name}`, value]));
}
