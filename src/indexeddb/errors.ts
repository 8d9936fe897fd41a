/** Why the file cannot be used; what the caller maps to its own words and exit codes. */
export type StoreErrorReason = "locked" | "newer_version" | "corrupt" | "disk_full" | "unavailable";

/** The file on the disk failed us, as opposed to a wrong use of the interface (that is a `DOMException`). */
export class StoreError extends Error {
    override readonly name = "StoreError";
    readonly reason: StoreErrorReason;

    constructor(reason: StoreErrorReason, message: string, options?: ErrorOptions) {
        super(message, options);
        this.reason = reason;
    }
}

/** A `DOMException` with one of the names of Indexed Database API 3.0, section 3. */
export function fault(name: string, message: string, cause?: unknown): DOMException {
    return cause === undefined ? new DOMException(message, name) : new DOMException(message, { name, cause });
}

// Primary result codes of SQLite: https://www.sqlite.org/rescode.html
const reasons: ReadonlyMap<number, StoreErrorReason> = new Map([
    [5, "locked"],
    [6, "locked"],
    [8, "unavailable"],
    [10, "unavailable"],
    [11, "corrupt"],
    [13, "disk_full"],
    [14, "unavailable"],
    [15, "locked"],
    [26, "corrupt"],
]);

const sentences: Record<StoreErrorReason, string> = {
    locked: "the store is in use by another process",
    newer_version: "the store was written by a newer version",
    corrupt: "the store is damaged",
    disk_full: "the disk is full",
    unavailable: "the store cannot be read or written",
};

/** What SQLite threw because of the file, as a `StoreError`; `undefined` for any other error. */
export function storeErrorOf(error: unknown): StoreError | undefined {
    if (error instanceof StoreError) return error;
    const reason = reasons.get((sqliteCode(error) ?? 0) & 0xff);
    if (reason === undefined) return undefined;
    const detail = error instanceof Error ? error.message : String(error);
    return new StoreError(reason, `${sentences[reason]} (SQLite: ${detail})`, { cause: error });
}

/** A failed request's or transaction's error, as section 2.8.1 of the specification names it. */
export function requestFault(error: unknown): DOMException {
    if (error instanceof DOMException) return error;
    const store = storeErrorOf(error);
    if (store?.reason === "disk_full") return fault("QuotaExceededError", store.message, store);
    const message = error instanceof Error ? error.message : String(error);
    return fault("UnknownError", store?.message ?? message, store ?? error);
}

function sqliteCode(error: unknown): number | undefined {
    if (!(error instanceof Error) || !("errcode" in error)) return undefined;
    return typeof error.errcode === "number" ? error.errcode : undefined;
}
