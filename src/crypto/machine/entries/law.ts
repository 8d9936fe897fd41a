import type { DatabaseSync } from "node:sqlite";
import type { SessionOwner } from "../../port.ts";
import { commit, type MachineContext } from "../store/context.ts";
import { readMeta, writeMeta } from "../store/meta.ts";
import { entriesOf, readEntries } from "./entries-of.ts";

const JUDGED = "judged_by_law";

/** @see CryptoPort.setOwners */
export async function setOwners(context: MachineContext, owners: readonly SessionOwner[]): Promise<readonly string[]> {
    return await commit(context, (sql) => [...entriesOf(context, sql).setOwners(owners)]);
}

/** @see CryptoPort.keySenders */
export async function keySenders(context: MachineContext, roomId: string): Promise<readonly string[]> {
    return await readEntries(context, (entries) => entries.senders(roomId));
}

/** @see CryptoPort.setOutsiders */
export async function setOutsiders(
    context: MachineContext,
    roomId: string,
    userIds: readonly string[],
): Promise<boolean> {
    // It is told before each delivery: in a room that has none, before and now, that costs no commit.
    const hasNone =
        userIds.length === 0 && (await readEntries(context, (entries) => entries.outsiders(roomId).size)) === 0;
    return hasNone ? false : await commit(context, (sql) => entriesOf(context, sql).setOutsiders(roomId, userIds));
}

/** Once, after the upgrade of a store in which each row had a verdict of its own. */
export function judgeAnew(sql: DatabaseSync, context: MachineContext): void {
    if (readMeta(sql, JUDGED) !== undefined) return;
    sql.prepare("UPDATE ready_entries SET source = 'sent' WHERE sender_key = ? AND source = 'import'").run(
        context.ownKey,
    );
    entriesOf(context, sql).judgeDisputed();
    writeMeta(sql, JUDGED, "yes");
}
