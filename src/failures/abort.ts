/** Whether `error` says that somebody stopped the request on purpose. */
export function isAbort(error: unknown): boolean {
    return error instanceof DOMException && error.name === "AbortError";
}
