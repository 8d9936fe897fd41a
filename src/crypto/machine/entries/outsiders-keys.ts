import type { DatabaseSync } from "node:sqlite";
import { numberOf, textOf } from "../../../database/index.ts";
import type { EntryPages } from "./entry-pages.ts";
import type { EntryRows } from "./entry-rows.ts";
import { removeCopy } from "./write-copies.ts";

/** Sessions of one user who was never in the room, the newest. They may yet join; until then nobody is given them. */
const mostOfAnOutsider = 100;
/** Of all of them in a room: a server has as many users as it likes, and each session takes 9 kB. */
const mostOfOutsiders = 1_000;
/** Forgotten in one step: a store of an earlier version may have any number. */
const mostAtOnce = 5_000;

/** Forgets what is too much of it, in the caller's transaction. Answers the sessions, which are to be judged anew. */
export function forgetOutsidersKeys(
    sql: DatabaseSync,
    pages: EntryPages,
    rows: EntryRows,
    roomId: string,
): readonly string[] {
    const tooMany = sql
        .prepare(
            `SELECT id, session_id FROM (
                 SELECT ready_entries.rowid AS id, session_id,
                     row_number() OVER (PARTITION BY by_user ORDER BY ready_entries.rowid DESC) AS of_user,
                     row_number() OVER (ORDER BY ready_entries.rowid DESC) AS of_all
                 FROM room_outsiders JOIN ready_entries USING (room_id)
                 WHERE room_id = ?1 AND by_user = user_id AND source = 'sent'
             ) WHERE of_user > ?2 OR of_all > ?3 LIMIT ?4`,
        )
        .all(roomId, mostOfAnOutsider, mostOfOutsiders, mostAtOnce)
        .map((row) => ({ id: numberOf(row, "id"), sessionId: textOf(row, "session_id") }));
    for (const { id, sessionId } of tooMany) {
        const copy = rows.ofSession({ roomId, sessionId }).find((one) => one.id === id);
        if (copy !== undefined) removeCopy(pages, rows, roomId, copy);
    }
    return tooMany.map(({ sessionId }) => sessionId);
}
