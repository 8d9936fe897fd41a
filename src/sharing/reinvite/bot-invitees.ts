import type { DatabaseSync } from "node:sqlite";
import { numberOrNothing } from "../../database/index.ts";
import type { MembershipChange } from "../../rooms/index.ts";

interface RecordParts {
    readonly botUserId: string;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
}

/**
 * Who is in a room because they joined on an invite of the bot's own: of what was said before, their client opened the
 * bot's bundle and nothing else. Every writing call stands in a transaction of the caller.
 */
export class BotInvitees {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    /** Notes what a batch says. Who was a member before may have keys from then: they are not among these. */
    record({ botUserId, now }: RecordParts, changes: readonly MembershipChange[]): void {
        for (const change of changes) {
            const { roomId, userId } = change;
            if (isJoinOn(botUserId, change) && change.wasMember === "no") {
                this.#sql
                    .prepare("INSERT OR REPLACE INTO bot_invitees (room_id, user_id, joined_at) VALUES (?, ?, ?)")
                    .run(roomId, userId, Math.min(change.at, now()));
            } else this.#sql.prepare("DELETE FROM bot_invitees WHERE room_id = ? AND user_id = ?").run(roomId, userId);
        }
    }

    /** The bot is out of the room: nobody sees any more who comes and goes. */
    forget(roomId: string): void {
        this.#sql.prepare("DELETE FROM bot_invitees WHERE room_id = ?").run(roomId);
    }

    /** When this member joined on the bot's invite, in milliseconds since the epoch; undefined: they came otherwise. */
    joinedAt(roomId: string, userId: string): number | undefined {
        const row = this.#sql
            .prepare("SELECT joined_at FROM bot_invitees WHERE room_id = ? AND user_id = ?")
            .get(roomId, userId);
        return numberOrNothing(row, "joined_at");
    }
}

/** Seen happening, and by the homeserver's word with no other invite in between. */
function isJoinOn(botUserId: string, { membership, previous, foundAtJoin, event }: MembershipChange): boolean {
    if (membership !== "join" || foundAtJoin || previous?.membership !== "invite" || previous.sender !== botUserId)
        return false;
    return event.replacesState === undefined || event.replacesState === previous.eventId;
}
