import type { DatabaseSync } from "node:sqlite";
import type { MachineContext } from "../store/context.ts";
import { ReadyEntries } from "./ready-entries.ts";

/** The ready entries in a transaction of the caller's. */
export function entriesOf({ seal, ownKey }: Pick<MachineContext, "seal" | "ownKey">, sql: DatabaseSync): ReadyEntries {
    return new ReadyEntries(sql, seal, ownKey);
}

/** Reads them in a transaction of its own. */
export function readEntries<T>(context: MachineContext, read: (entries: ReadyEntries) => T): Promise<T> {
    return context.store.atomically((sql) => read(entriesOf(context, sql)));
}
