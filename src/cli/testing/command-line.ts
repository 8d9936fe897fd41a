import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { join } from "node:path";

const main = join(import.meta.dirname, "..", "..", "main.ts");

export interface Ended {
    readonly code: number | null;
    readonly out: string;
    readonly err: string;
}

interface Options {
    readonly environment?: Record<string, string>;
    /** For Node itself. */
    readonly nodeOptions?: readonly string[];
    /** Sends the process a signal when it settles. */
    readonly stop?: Promise<NodeJS.Signals>;
}

/** Runs `backscroll` as a user would, in a folder of its own and with no environment but the given. */
export async function backscroll(
    args: readonly string[],
    workingDirectory: string,
    options: Options = {},
): Promise<Ended> {
    const { environment = {}, nodeOptions = [], stop } = options;
    const child = spawn(process.execPath, [...nodeOptions, main, ...args], {
        cwd: workingDirectory,
        env: environment,
        stdio: ["ignore", "pipe", "pipe"],
    });
    void stop?.then((signal) => child.kill(signal));
    const closed = new Promise<number | null>((resolve, reject) => child.once("close", resolve).once("error", reject));
    const [code, out, err] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
    return { code, out, err };
}
