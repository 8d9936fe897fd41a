import { Failure } from "../../failures/index.ts";
import { SealBroken } from "../../sealing/index.ts";

/** Primary result codes of SQLite whose cause lies outside the program. Source: https://www.sqlite.org/rescode.html */
const codes = { busy: 5, corrupt: 11, full: 13, notADatabase: 26 } as const;

/** Turns what the store throws for reasons outside the program into a `Failure`; anything else stays as it is. */
export function explain(error: unknown, path: string): unknown {
    if (error instanceof SealBroken) return new Failure("store_corrupt", { path, detail: error.message }, { cause: error });
    switch (resultCode(error)) {
        case codes.full:
            return new Failure("disk_full", { path }, { cause: error });
        case codes.corrupt:
        case codes.notADatabase:
            return new Failure("store_corrupt", { path, detail: String(error) }, { cause: error });
        case codes.busy:
            return new Failure("store_locked", { path }, { cause: error });
        default:
            return error;
    }
}

function resultCode(error: unknown): number | undefined {
    if (!(error instanceof Error)) return undefined;
    const code = "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
    return code ?? (error.cause === undefined ? undefined : resultCode(error.cause));
}
