import type { DatabaseSync } from "node:sqlite";
import type { MachineContext } from "../store/context.ts";
import { EntryPages } from "./entry-pages.ts";
import { EntryRows } from "./entry-rows.ts";
import { Judgements } from "./judgements.ts";
import { removeCopy } from "./write-copies.ts";

/** A session that somebody sent. */
interface SentSession {
    /** '': nobody knows any more. */
    readonly sender: string;
    readonly sessionId: string;
}

/**
 * Forgets what users sent of a room's sessions, and that they closed them, in the caller's transaction. Other copies
 * are judged without them.
 */
export function forgetSent(
    { seal, ownKey }: Pick<MachineContext, "seal" | "ownKey">,
    sql: DatabaseSync,
    roomId: string,
    sent: readonly SentSession[],
): void {
    const pages = new EntryPages(sql, seal);
    const rows = new EntryRows(sql, ownKey);
    const unsay = sql.prepare("DELETE FROM session_closings WHERE room_id = ? AND session_id = ? AND user_id = ?");
    for (const { sender, sessionId } of sent) {
        const theirs = rows
            .ofSession({ roomId, sessionId })
            .filter(({ source, own, by = "" }) => source === "sent" && !own && by === sender);
        for (const copy of theirs) removeCopy(pages, rows, roomId, copy);
        unsay.run(roomId, sessionId, sender);
    }
    const sessionIds = new Set(sent.map(({ sessionId }) => sessionId));
    new Judgements(sql, pages, rows).renew(roomId, sessionIds);
}
