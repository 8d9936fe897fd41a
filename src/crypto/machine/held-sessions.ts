import type { HeldSession } from "../port.ts";
import type { MachineContext } from "./context.ts";

const pageSize = 250;
/** Nobody but a bundle speaks for it: it gives way to a copy under another sender's key, as in a bundle of ours. */
const unvouched = "given_by IS NOT NULL AND claim = 'none'";

/**
 * What we hold of a room, session by session, in the order of their IDs. An ID stands once, as in a bundle:
 * where two senders' copies claim it, a no wins, and the copy that reaches further back counts. What a bundle that we were given
 * says to be withheld counts as that, whole.
 */
export async function heldSessions({ store, ownKey }: MachineContext, roomId: string, after = ""): Promise<readonly HeldSession[]> {
    const select = `
        SELECT session_id, coalesce(min(iif(${unvouched}, NULL, first_index)), min(first_index)) AS first_index, max(verdict = 'withheld') AS withheld, max(verdict = 'shareable') AS shareable,
            min(given_by IS NOT NULL OR (claim = 'none' AND sender_key <> ?1)) AS given
        FROM ready_entries WHERE room_id = ?2 AND session_id > ?3 GROUP BY session_id
        UNION ALL
        SELECT session_id, 0, 1, 0, 1 FROM given_withheld AS closed WHERE room_id = ?2 AND session_id > ?3
            AND NOT EXISTS (SELECT 1 FROM ready_entries WHERE room_id = closed.room_id AND session_id = closed.session_id)
        ORDER BY session_id LIMIT ?4`;
    const rows = await store.atomically((sql) => sql.prepare(select).all(ownKey, roomId, after, pageSize));
    return rows.map((row) => ({
        sessionId: String(row["session_id"]),
        firstIndex: Number(row["first_index"]),
        verdict: row["withheld"] === 1 ? "withheld" : row["shareable"] === 1 ? "shareable" : "unknown",
        given: row["given"] === 1,
    }));
}
