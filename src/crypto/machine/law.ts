import type { DatabaseSync } from "node:sqlite";
import type { SessionOwner } from "../port.ts";
import { commit, type MachineContext } from "./context.ts";
import { ReadyEntries } from "./ready-entries.ts";
import { readMeta, writeMeta } from "./tables.ts";

const JUDGED = "judged_by_law";

/** @see CryptoPort.setOwners */
export async function setOwners(context: MachineContext, owners: readonly SessionOwner[]): Promise<readonly string[]> {
    return await commit(context, (sql) => [...entriesOf(context, sql).setOwners(owners)]);
}

/** @see CryptoPort.keySenders */
export async function keySenders(context: MachineContext, roomId: string): Promise<readonly string[]> {
    return await context.store.atomically((sql) => entriesOf(context, sql).senders(roomId));
}

/** @see CryptoPort.setOutsiders */
export async function setOutsiders(context: MachineContext, roomId: string, userIds: readonly string[]): Promise<boolean> {
    return await commit(context, (sql) => entriesOf(context, sql).setOutsiders(roomId, userIds));
}

/** Once, after the upgrade of a store in which each row had a verdict of its own. */
export function judgeAnew(sql: DatabaseSync, context: MachineContext): void {
    if (readMeta(sql, JUDGED) !== undefined) return;
    sql.prepare("UPDATE ready_entries SET source = 'sent' WHERE sender_key = ? AND source = 'import'").run(context.ownKey);
    entriesOf(context, sql).judgeDisputed();
    writeMeta(sql, JUDGED, "yes");
}

function entriesOf({ seal, ownKey }: MachineContext, sql: DatabaseSync): ReadyEntries {
    return new ReadyEntries(sql, seal, ownKey);
}
