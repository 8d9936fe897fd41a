import type { HeldSession } from "../port.ts";
import type { MachineContext } from "./context.ts";

const pageSize = 250;

/**
 * What we hold of a room, session by session, in the order of their IDs. An ID stands once, as in a bundle:
 * where two senders' copies claim it, a no wins, and the copy that reaches further back counts.
 */
export async function heldSessions({ store, ownKey }: MachineContext, roomId: string, after = ""): Promise<readonly HeldSession[]> {
    const select = `
        SELECT session_id, min(first_index) AS first_index, max(verdict = 'withheld') AS withheld, max(verdict = 'shareable') AS shareable,
            min(claim = 'none' AND sender_key <> ?) AS given
        FROM ready_entries WHERE room_id = ? AND session_id > ? GROUP BY session_id ORDER BY session_id LIMIT ?`;
    const rows = await store.atomically((sql) => sql.prepare(select).all(ownKey, roomId, after, pageSize));
    return rows.map((row) => ({
        sessionId: String(row["session_id"]),
        firstIndex: Number(row["first_index"]),
        verdict: row["withheld"] === 1 ? "withheld" : row["shareable"] === 1 ? "shareable" : "unknown",
        given: row["given"] === 1,
    }));
}
