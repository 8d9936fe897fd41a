import { printable } from "../telemetry/index.ts";

/** What a command line runs in. */
export interface Surroundings {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly workingDirectory: string;
}

/** One command as it was given. */
export interface Invocation extends Surroundings {
    readonly configFile: string | undefined;
    readonly args: readonly string[];
    readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** A command's answer, for people and scripts. */
export function print(text: string): void {
    process.stdout.write(`${printable(text)}\n`);
}

/** What goes beside the answer: hints, progress, refusals. */
export function note(text: string): void {
    process.stderr.write(`${printable(text)}\n`);
}
