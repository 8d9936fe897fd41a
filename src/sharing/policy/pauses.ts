import type { DatabaseSync } from "node:sqlite";
import { textOf } from "../../database/index.ts";

/** No room has an empty ID: this row pauses all of them. */
const everywhere = "";

/** Where sharing is paused; durable, so that a restart does not forget it. */
export class Pauses {
    readonly #sql: DatabaseSync;

    constructor(sql: DatabaseSync) {
        this.#sql = sql;
    }

    covers(roomId: string): boolean {
        return (
            this.#sql.prepare("SELECT 1 FROM share_pauses WHERE room_id IN (?, ?)").get(everywhere, roomId) !==
            undefined
        );
    }

    /** @param roomId undefined pauses every room. */
    pause(roomId: string | undefined, now: number): void {
        this.#sql
            .prepare("INSERT INTO share_pauses (room_id, paused_at) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .run(roomId ?? everywhere, now);
    }

    /** @param roomId undefined ends the pause of all rooms, and those of single rooms with it. */
    resume(roomId: string | undefined): void {
        if (roomId === undefined) this.#sql.exec("DELETE FROM share_pauses");
        else this.#sql.prepare("DELETE FROM share_pauses WHERE room_id = ?").run(roomId);
    }

    list(): { readonly all: boolean; readonly rooms: readonly string[] } {
        const roomIds = this.#sql
            .prepare("SELECT room_id FROM share_pauses ORDER BY room_id")
            .all()
            .map((row) => textOf(row, "room_id"));
        return { all: roomIds.includes(everywhere), rooms: roomIds.filter((roomId) => roomId !== everywhere) };
    }
}
