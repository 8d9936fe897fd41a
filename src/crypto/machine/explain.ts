import { Failure } from "../../failures/index.ts";
import { StoreError } from "../../indexeddb/index.ts";
import { SealBroken } from "../../sealing/index.ts";
import { TornCommit } from "./context.ts";

/** Turns what the store throws for reasons outside the program into a `Failure`; anything else stays as it is. */
export function explain(error: unknown, path: string): unknown {
    if (error instanceof TornCommit) return explain(error.cause, path);
    if (error instanceof SealBroken) return new Failure("store_corrupt", { path, detail: "a sealed row does not open" }, { cause: error });
    if (error instanceof StoreError) return failureOf(error, path);
    return error;
}

function failureOf(error: StoreError, path: string): Failure {
    const detail = error.message;
    switch (error.reason) {
        case "locked":
            return new Failure("store_locked", { path }, { cause: error });
        case "newer_version":
            return new Failure("store_too_new", { path, feature: "indexeddb", found: "a newer one", known: "an older one" }, { cause: error });
        case "corrupt":
            return new Failure("store_corrupt", { path, detail }, { cause: error });
        case "disk_full":
            return new Failure("disk_full", { path }, { cause: error });
        case "unavailable":
            return new Failure("data_dir_unusable", { path, detail }, { cause: error });
    }
}
