import { Failure } from "../../../failures/index.ts";
import { StoreError, type StoreErrorReason } from "../../../indexeddb/index.ts";
import { SealBroken } from "../../../sealing/index.ts";
import { TornCommit } from "./context.ts";

/** Turns what the store throws for reasons outside the program into a `Failure`; anything else stays as it is. */
export function explain(error: unknown, path: string): unknown {
    if (error instanceof TornCommit) return explain(error.cause, path);
    if (error instanceof SealBroken)
        return new Failure("store_corrupt", { path, detail: "a sealed row does not open" }, { cause: error });
    if (error instanceof StoreError) return failures[error.reason](path, error.message, { cause: error });
    return error;
}

const failures: Readonly<Record<StoreErrorReason, (path: string, detail: string, options: ErrorOptions) => Failure>> = {
    locked: (path, _, options) => new Failure("store_locked", { path }, options),
    newer_version: (path, _, options) =>
        new Failure(
            "store_too_new",
            { path, feature: "indexeddb", found: "a newer one", known: "an older one" },
            options,
        ),
    corrupt: (path, detail, options) => new Failure("store_corrupt", { path, detail }, options),
    disk_full: (path, _, options) => new Failure("disk_full", { path }, options),
    unavailable: (path, detail, options) => new Failure("data_dir_unusable", { path, detail }, options),
};
