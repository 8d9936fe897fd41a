import type { DatabaseSync } from "node:sqlite";
import type { MachineContext } from "./context.ts";
import { readMeta, writeMeta } from "./tables.ts";

const NAME = "ran_ms";

/**
 * For how many milliseconds the bot has run, kept in the caller's transaction. A wall clock that is set ahead or back
 * does not move it; a kill makes it late.
 */
export function ranFor({ memory, monotonic }: Pick<MachineContext, "memory" | "monotonic">, sql: DatabaseSync): number {
    const now = monotonic();
    const ran = Number(readMeta(sql, NAME) ?? 0) + Math.max(0, Math.floor(now - memory.ranUntil));
    memory.ranUntil = now;
    writeMeta(sql, NAME, String(ran));
    return ran;
}
