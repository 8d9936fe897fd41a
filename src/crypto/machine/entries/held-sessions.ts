import { flagOf, numberOf, textOf, wordOf } from "../../../database/index.ts";
import type { HeldSession, RoomHoldings, ShareableSet } from "../../port.ts";
import type { MachineContext } from "../store/context.ts";
import { readEntries } from "./entries-of.ts";
import { closedByWordAlone } from "./entry-rows.ts";
import { verdicts } from "./flags.ts";

const pageSize = 250;

/**
 * What we hold of a room, session by session, in the order of their IDs: of each the copy that counts
 * (`session-law.ts`). What is only said to be withheld counts as that, whole.
 */
export async function heldSessions(
    { store }: MachineContext,
    roomId: string,
    after = "",
): Promise<readonly HeldSession[]> {
    const select = `
        SELECT session_id, first_index, verdict, source <> 'sent' AS given
        FROM ready_entries WHERE room_id = ?1 AND session_id > ?2 AND verdict <> 'aside'
        UNION ALL
        SELECT DISTINCT session_id, 0, 'withheld', 1 FROM session_closings AS closed WHERE room_id = ?1 AND session_id > ?2 AND ${closedByWordAlone}
        ORDER BY session_id LIMIT ?3`;
    const rows = await store.atomically((sql) => sql.prepare(select).all(roomId, after, pageSize));
    return rows.map((row) => ({
        sessionId: textOf(row, "session_id"),
        firstIndex: numberOf(row, "first_index"),
        verdict: wordOf(row, "verdict", verdicts),
        given: flagOf(row, "given"),
    }));
}

export function holdings(context: MachineContext, roomId: string): Promise<RoomHoldings> {
    return readEntries(context, (entries) => entries.holdings(roomId));
}

export function shareableSet(context: MachineContext, roomId: string): Promise<ShareableSet> {
    return readEntries(context, (entries) => entries.shareableSet(roomId));
}

/** Rooms of which the store has sessions. */
export function roomsWithKeys({ store }: MachineContext): Promise<readonly string[]> {
    return store.atomically((sql) =>
        sql
            .prepare("SELECT DISTINCT room_id FROM ready_entries ORDER BY room_id")
            .all()
            .map((row) => textOf(row, "room_id")),
    );
}
