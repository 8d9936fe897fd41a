import { CommanderError } from "commander";
import { exitCodes } from "../failures/index.ts";
import type { Surroundings } from "./context.ts";
import { printFailure } from "./print-failure.ts";
import { buildProgram } from "./program.ts";

/** Runs one command line. Prints what there is to say, failures included, and answers the exit code. */
export async function main(argv: readonly string[], surroundings: Surroundings): Promise<number> {
    let exitCode: number = exitCodes.done;
    process.stdout.on("error", leaveQuietlyOnClosedPipe);
    const program = buildProgram(surroundings, (code) => {
        exitCode = code;
    });
    try {
        await program.parseAsync(argv, { from: "user" });
        return exitCode;
    } catch (error) {
        // The library has printed its own message by now: help, the version, or what is wrong with the command line.
        if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
        return printFailure(error, (text) => process.stderr.write(text));
    }
}

/** Who reads our answer through `head` has seen enough. */
function leaveQuietlyOnClosedPipe(error: Error): void {
    if ("code" in error && error.code === "EPIPE") process.exit(exitCodes.done);
    throw error;
}
