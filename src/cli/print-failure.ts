import { exitCodes } from "../failures/index.ts";
import { printable } from "../telemetry/index.ts";

/**
 * Prints a failure as one block, and answers the exit code: an expected failure brings its own, anything else is a
 * fault of ours.
 */
export function printFailure(error: unknown, write: (text: string) => void): number {
    if (error instanceof Error && "exitCode" in error && typeof error.exitCode === "number") {
        write(printable(`backscroll: ${error.message}\n`));
        return error.exitCode;
    }
    const story = error instanceof Error ? (error.stack ?? error.message) : String(error);
    write(
        printable(
            `backscroll: this is a fault of Backscroll. What was acknowledged is safe; please report this:\n${story}\n`,
        ),
    );
    return exitCodes.internal;
}
