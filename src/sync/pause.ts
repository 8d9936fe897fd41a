/** Resolves after the time or when `signal` aborts, whichever comes first. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) resolve();
    const timer = setTimeout(resolve, milliseconds);
    const onAbort = (): void => resolve();
    signal.addEventListener("abort", onAbort);
    return promise.finally(() => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
    });
}
