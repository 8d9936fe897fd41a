import type { DatabaseSync } from "node:sqlite";
import type { HeldSession, RoomSessions } from "../port.ts";
import type { MachineContext } from "./context.ts";
import { refusalsIn } from "./refusals.ts";

/** What we hold of a room, one by one, and what its people refused us. */
export function roomSessions({ store, ownKey }: MachineContext, roomId: string): Promise<RoomSessions> {
    return store.atomically((sql) => ({ held: heldIn(sql, roomId, ownKey), refusals: refusalsIn(sql, roomId) }));
}

/** A session ID stands once, as in a bundle: where two senders' copies claim it, a no wins. */
function heldIn(sql: DatabaseSync, roomId: string, ownKey: string): readonly HeldSession[] {
    const sessions = new Map<string, HeldSession>();
    const rows = sql
        .prepare(
            `SELECT session_id, first_index, verdict, claim = 'none' AND sender_key <> ? AS given FROM ready_entries WHERE room_id = ?
             ORDER BY CASE verdict WHEN 'withheld' THEN 0 WHEN 'shareable' THEN 1 ELSE 2 END`,
        )
        .iterate(ownKey, roomId);
    for (const row of rows) {
        const sessionId = String(row["session_id"]);
        const verdict = (["shareable", "withheld"] as const).find((known) => known === row["verdict"]) ?? "unknown";
        if (sessions.has(sessionId)) continue;
        sessions.set(sessionId, { sessionId, verdict, firstIndex: Number(row["first_index"]), given: row["given"] === 1 });
    }
    return [...sessions.values()];
}
