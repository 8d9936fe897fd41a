import type { DatabaseSync } from "node:sqlite";
import type { MembershipChange } from "../../rooms/index.ts";

/** Who is invited and was a member before: the present membership alone does not say that. Every writing call stands in a transaction of the caller. */
export class FormerMembers {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    record(changes: readonly MembershipChange[]): void {
        for (const { roomId, userId, membership, previous } of changes) {
            if (membership !== "invite" && membership !== "knock") continue;
            if (previous === undefined || previous.membership === "invite" || previous.membership === "knock") continue;
            this.#sql.prepare("INSERT OR IGNORE INTO former_members VALUES (?, ?)").run(roomId, userId);
        }
    }

    has(roomId: string, userId: string): boolean {
        return this.#sql.prepare("SELECT 1 FROM former_members WHERE room_id = ? AND user_id = ?").get(roomId, userId) !== undefined;
    }
}
