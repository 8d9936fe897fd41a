import { Failure } from "../failures/index.ts";

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html) that have a cause outside the program. */
const codes = {
    busy: 5,
    locked: 6,
    readOnly: 8,
    ioError: 10,
    corrupt: 11,
    full: 13,
    cannotOpen: 14,
    notADatabase: 26,
} as const;

/** SQLITE_IOERR_SHMSIZE: no room for the index of the write-ahead log; every other want of space is SQLITE_FULL. */
const noRoomForIndex = 4874;

interface SqliteError extends Error {
    readonly errcode: number;
}

function isSqliteError(error: unknown): error is SqliteError {
    return (
        error instanceof Error &&
        "code" in error &&
        error.code === "ERR_SQLITE_ERROR" &&
        "errcode" in error &&
        typeof error.errcode === "number"
    );
}

/** True if another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
    return isSqliteError(error) && [codes.busy, codes.locked].some((code) => code === (error.errcode & 0xff));
}

/** True if the file or its folder cannot be opened or written by this user. */
export function isInaccessible(error: unknown): boolean {
    return isSqliteError(error) && [codes.cannotOpen, codes.readOnly].some((code) => code === (error.errcode & 0xff));
}

/**
 * Turns what SQLite throws for reasons outside the program into a `Failure` with the next step; anything else stays as
 * it is.
 * @param path the database file, for the sentence
 */
export function explain(error: unknown, path: string): unknown {
    if (!isSqliteError(error)) return error;
    const detail = error.message;
    switch (error.errcode & 0xff) {
        case codes.full:
            return new Failure("disk_full", { path }, { cause: error });
        case codes.ioError:
            return error.errcode === noRoomForIndex
                ? new Failure("disk_full", { path }, { cause: error })
                : new Failure("disk_fault", { path, detail }, { cause: error });
        case codes.corrupt:
        case codes.notADatabase:
            return new Failure("store_corrupt", { path, detail }, { cause: error });
        case codes.cannotOpen:
        case codes.readOnly:
            return new Failure("data_dir_unusable", { path, detail }, { cause: error });
        case codes.busy:
        case codes.locked:
            return new Failure("store_locked", { path }, { cause: error });
        default:
            return error;
    }
}
