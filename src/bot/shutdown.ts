import { Failure } from "../failures/index.ts";
import type { Logger } from "../telemetry/index.ts";

/** Milliseconds from the first signal: container engines kill after 10 s, and the contract says 5. */
const deadline = 4_500;

/** Something that was started, and how it is stopped. */
export interface Release {
    readonly name: string;
    readonly run: () => Promise<void> | void;
}

/** What was started, in order, to be stopped in reverse. */
export class Releases {
    readonly #releases: Release[] = [];

    add(name: string, run: Release["run"]): void {
        this.#releases.push({ name, run });
    }

    /** Stops everything, newest first; one failure does not keep the rest running. */
    async run(log: Logger): Promise<void> {
        for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
            try {
                await release.run();
            } catch (error) {
                log.error({ err: error, part: release.name }, "could not stop cleanly");
            }
        }
    }
}

/**
 * Calls `stop` at the first SIGTERM or SIGINT. A second signal, or a stop that takes too long, ends the process at
 * once: a worker that is stuck inside SQLite would keep `process.exit` waiting, so the process kills itself; the stores
 * are made for that.
 */
export function stopOnSignals(stop: () => void, log: Logger): () => void {
    let stopping = false;
    const onSignal = (signal: NodeJS.Signals): void => {
        if (stopping) {
            log.warn({ signal }, "second signal: ending at once");
            process.kill(process.pid, "SIGKILL");
            return;
        }
        stopping = true;
        log.info({ signal }, "stopping");
        setTimeout(() => {
            log.error({ deadline }, "stopping took too long: ending at once; nothing that was acknowledged is lost");
            process.kill(process.pid, "SIGKILL");
        }, deadline).unref();
        stop();
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
        const before = process.listeners(signal);
        process.on(signal, onSignal);
        // `main.ts` has held the place until now. Its listener goes after ours has come: in between a signal would be
        // lost.
        for (const listener of before) process.off(signal, listener);
    }
    return () => process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
}

/** A fault of ours that nobody caught must not leave the bot half alive: it ends the run, cleanly, with its reason. */
export function endOnFaults(end: (failure: Failure) => void, log: Logger): () => void {
    const onFault = (fault: unknown): void => {
        log.error({ err: fault }, "a fault that nothing caught");
        end(
            new Failure(
                "internal_fault",
                { detail: fault instanceof Error ? fault.message : String(fault) },
                { cause: fault },
            ),
        );
    };
    process.on("uncaughtException", onFault);
    return () => process.off("uncaughtException", onFault);
}
