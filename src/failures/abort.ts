/** Whether `error` says that somebody stopped the request on purpose. */
export function isAbort(error: unknown): boolean {
    return error instanceof DOMException && error.name === "AbortError";
}

/** What a caller gets when the bot stops, or its own signal aborts. */
export function abortError(): DOMException {
    return new DOMException("It was given up because the bot stops or its caller does.", "AbortError");
}
