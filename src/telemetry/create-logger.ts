import type { DestinationStream, Logger as Pino } from "pino";
import type { Logger } from "./logger.ts";
import { printable } from "./printable.ts";
import { redact } from "./redact.ts";

export interface LogOptions {
    readonly level: "debug" | "info" | "warn" | "error";
    /** Undefined: pretty on a terminal, one JSON object a line elsewhere. */
    readonly format: "json" | "pretty" | undefined;
    /** Where the lines go; a command whose standard output is its answer logs to `stderr`. */
    readonly output?: "stdout" | "stderr";
}

/**
 * Opens the log. Lines are written at once, so that none is lost when the process ends. The library is loaded by the
 * first call.
 */
export async function createLogger({ level, format, output = "stdout" }: LogOptions): Promise<Logger> {
    const { pino } = await import("pino");
    const stream = process[output];
    const pretty = (format ?? (stream.isTTY ? "pretty" : "json")) === "pretty";
    const options = {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label: string) => ({ level: label }) },
    };
    if (pretty) return wrap(pino(options, await prettyStream(stream.fd, stream.isTTY)), forTerminal);
    const destination = pino.destination({ fd: stream.fd, sync: true });
    // A full disk must not end what the log tells of: the lines wait for the next that can be written.
    destination.on("error", () => {});
    return wrap(pino(options, destination), asTheyAre);
}

async function prettyStream(fd: number, colorize: boolean): Promise<DestinationStream> {
    const { default: pretty } = await import("pino-pretty");
    return pretty({ colorize, destination: fd, sync: true, translateTime: "SYS:HH:MM:ss.l", ignore: "pid,hostname" });
}

/** How texts are written. JSON needs no care: whoever reads it decodes it first. */
interface Showing {
    readonly facts: (facts: object) => object;
    readonly message: (text: string) => string;
}

const asTheyAre: Showing = { facts: (facts) => facts, message: (text) => text };
const forTerminal: Showing = { facts: printableFacts, message: printable };

function printableFacts(facts: object): object {
    const told = Object.entries(facts).filter(([, value]) => value !== undefined);
    return Object.fromEntries(told.map(([key, value]) => [key, printableParts(value)]));
}

function printableParts(value: unknown): unknown {
    return JSON.parse(JSON.stringify(value), (_, part: unknown) => (typeof part === "string" ? printable(part) : part));
}

function wrap(pino: Pino, showing: Showing): Logger {
    const shown = (facts: object): object => showing.facts(redact(facts));
    const write = (level: "debug" | "info" | "warn" | "error") => (facts: object, message: string) => {
        if (pino.isLevelEnabled(level)) pino[level](shown(facts), showing.message(message));
    };
    return {
        debug: write("debug"),
        info: write("info"),
        warn: write("warn"),
        error: write("error"),
        child: (facts) => wrap(pino.child(shown(facts)), showing),
    };
}
