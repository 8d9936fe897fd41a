import { abortError } from "../failures/index.ts";

/** Sleeps unless one of `signals` aborts, which throws an `AbortError`. Leaves nothing at signals that live on. */
export async function waitFor(milliseconds: number, signals: readonly AbortSignal[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(abortError());
    for (const signal of signals) signal.addEventListener("abort", onAbort);
    if (signals.some((signal) => signal.aborted)) onAbort();
    const timer = setTimeout(resolve, milliseconds);
    try {
        await promise;
    } finally {
        clearTimeout(timer);
        for (const signal of signals) signal.removeEventListener("abort", onAbort);
    }
}
