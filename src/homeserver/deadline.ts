/** An attempt took longer than it may. */
export class DeadlinePassed extends Error {
    constructor(timeoutMs: number) {
        super(`no complete answer within ${timeoutMs} ms`);
        this.name = "DeadlinePassed";
    }
}

/**
 * Runs `work` with a signal that aborts when one of `signals` does or after `timeoutMs`. Every listener and timer is
 * gone when this settles: the shutdown signal lives as long as the process and must not collect them.
 */
export async function withDeadline<T>(
    timeoutMs: number,
    signals: readonly AbortSignal[],
    work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
    const attempt = new AbortController();
    const listening = new AbortController();
    const timer = setTimeout(() => attempt.abort(new DeadlinePassed(timeoutMs)), timeoutMs);
    for (const signal of signals) {
        if (signal.aborted) attempt.abort(signal.reason);
        signal.addEventListener("abort", () => attempt.abort(signal.reason), { signal: listening.signal });
    }
    try {
        attempt.signal.throwIfAborted();
        return await work(attempt.signal);
    } finally {
        clearTimeout(timer);
        listening.abort();
    }
}
