import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface ProgramExit {
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
}

interface ProgramOptions {
    /** For messages: what this process is. */
    readonly name: string;
    readonly command: string;
    readonly args: readonly string[];
    readonly cwd?: string;
    /** The whole environment; default: ours. */
    readonly env?: NodeJS.ProcessEnv;
}

interface Waiter {
    readonly accepts: (line: string) => boolean;
    readonly resolve: (line: string) => void;
    readonly reject: (cause: Error) => void;
}

/** A child process whose output is kept and can be waited for, and which does not outlive us. */
export class Program {
    readonly #child: ChildProcessWithoutNullStreams;
    readonly #name: string;
    readonly #lines: string[] = [];
    readonly #answer: string[] = [];
    readonly #waiters = new Set<Waiter>();
    readonly #listeners: ((line: string) => void)[] = [];
    readonly #killWithUs = (): void => void this.#child.kill("SIGKILL");
    /** How it ended, once it has. */
    readonly exited: Promise<ProgramExit>;
    #exit: ProgramExit | undefined;

    constructor({ name, command, args, cwd, env }: ProgramOptions) {
        this.#name = name;
        this.#child = spawn(command, args, {
            ...(cwd === undefined ? {} : { cwd }),
            env: env ?? process.env,
            stdio: "pipe",
        });
        // One listener for each child, and a story has dozens: Node would take that for a leak.
        process.setMaxListeners(0);
        process.on("exit", this.#killWithUs);
        createInterface({ input: this.#child.stdout }).on("line", (line) => this.#answer.push(line));
        for (const stream of [this.#child.stdout, this.#child.stderr])
            createInterface({ input: stream }).on("line", (line) => this.#take(line));
        this.#child.stdin.on("error", () => {});
        this.exited = this.#watchExit();
    }

    /** Everything it has written, standard output and error alike. */
    get output(): string {
        return this.#lines.join("\n");
    }

    /** What it has written to standard output alone. */
    get answer(): string {
        return this.#answer.join("\n");
    }

    get lines(): readonly string[] {
        return this.#lines;
    }

    get pid(): number {
        const { pid } = this.#child;
        if (pid === undefined) throw new Error(`${this.#name} did not start`);
        return pid;
    }

    get running(): boolean {
        return this.#exit === undefined;
    }

    write(line: string): void {
        this.#child.stdin.write(`${line}\n`);
    }

    /** Tells it, by the end of its standard input, that nobody needs it any more. */
    closeInput(): void {
        this.#child.stdin.end();
    }

    /**
     * The first line, written already or to come, that `accepts` takes. Rejects if the process ends before, or after
     * `limitMs`.
     */
    async line(accepts: (line: string) => boolean, limitMs = 30_000): Promise<string> {
        const seen = this.#lines.find(accepts);
        if (seen !== undefined) return seen;
        if (this.#exit !== undefined) throw this.#gone();
        const { promise, resolve, reject } = Promise.withResolvers<string>();
        const waiter = { accepts, resolve, reject };
        this.#waiters.add(waiter);
        const timer = setTimeout(
            () => reject(new Error(`${this.#name} did not say it within ${limitMs} ms; it said:\n${this.#tail()}`)),
            limitMs,
        );
        try {
            return await promise;
        } finally {
            clearTimeout(timer);
            this.#waiters.delete(waiter);
        }
    }

    /** Calls `listener` with every line from now on. */
    onLine(listener: (line: string) => void): void {
        this.#listeners.push(listener);
    }

    /** Sends a signal. */
    signal(signal: NodeJS.Signals): void {
        this.#child.kill(signal);
    }

    /** Stops it by SIGTERM, by SIGKILL after `graceMs`, and waits for its end. */
    async stop(graceMs = 10_000): Promise<ProgramExit> {
        if (this.#exit !== undefined) return this.#exit;
        this.#child.kill("SIGTERM");
        const timer = setTimeout(() => this.#child.kill("SIGKILL"), graceMs);
        try {
            return await this.exited;
        } finally {
            clearTimeout(timer);
        }
    }

    /** Ends it by SIGKILL, and waits for its end. */
    async kill(): Promise<ProgramExit> {
        this.#child.kill("SIGKILL");
        return await this.exited;
    }

    async #watchExit(): Promise<ProgramExit> {
        try {
            // "close", not "exit": the output is complete then.
            const [code, signal] = (await once(this.#child, "close")) as [number | null, NodeJS.Signals | null];
            this.#exit = { code, signal };
        } catch (cause) {
            this.#lines.push(String(cause));
            this.#exit = { code: null, signal: null };
        }
        process.off("exit", this.#killWithUs);
        for (const waiter of this.#waiters) waiter.reject(this.#gone());
        return this.#exit;
    }

    #take(line: string): void {
        this.#lines.push(line);
        for (const listener of this.#listeners) listener(line);
        for (const waiter of this.#waiters) if (waiter.accepts(line)) waiter.resolve(line);
    }

    #gone(): Error {
        const how = this.#exit?.signal ?? `status ${this.#exit?.code ?? "unknown"}`;
        return new Error(`${this.#name} ended with ${how}; it said:\n${this.#tail()}`);
    }

    #tail(): string {
        return this.#lines.slice(-30).join("\n");
    }
}
