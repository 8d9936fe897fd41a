import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { textOf } from "../../../database/index.ts";
import type { KeyRefusal } from "../../port.ts";
import type { MachineContext } from "../store/context.ts";

/** Of one sender, the newest. People refuse a key a week at most; whoever sends more is no witness. */
const mostOfASender = 1_000;
/** Rows, the newest, of whatever senders: a server has as many users as it likes. Some 20 MB. */
const mostInAll = 100_000;
/** Of one room, the newest that are looked at when it is counted: 20 ms. */
const mostOfARoom = 10_000;

const withheld = z.object({
    type: z.literal("m.room_key.withheld"),
    sender: z.string().min(1).max(255),
    content: z.object({
        algorithm: z.literal("m.megolm.v1.aes-sha2"),
        // The codes with a session; `m.no_olm` names none.
        room_id: z.string().max(255).startsWith("!"),
        session_id: z.string().regex(/^[A-Za-z0-9+/]{43}$/),
        code: z.string().min(1).max(255),
    }),
});

/** A sender's word that this device does not get a session's key. */
interface Refusal extends KeyRefusal {
    readonly roomId: string;
}

/**
 * The `m.room_key.withheld` among the to-device events of a batch. Trust limit: they are not encrypted; the homeservers
 * alone say who sent them, and any stranger may name any room and session. Source: Matrix v1.19, `m.room_key.withheld`.
 */
export function readRefusals(toDevice: readonly unknown[]): readonly Refusal[] {
    return toDevice.flatMap((event) => {
        const { data } = withheld.safeParse(event);
        if (data === undefined) return [];
        const { room_id: roomId, session_id: sessionId, code } = data.content;
        return [{ roomId, sessionId, sender: data.sender, code }];
    });
}

/** Remembers them, in the caller's transaction. A sender's newest word about a session stands. Answers their rooms. */
export function storeRefusals(sql: DatabaseSync, refusals: readonly Refusal[]): readonly string[] {
    if (refusals.length === 0) return [];
    const insert = sql.prepare(
        "INSERT OR REPLACE INTO key_refusals (sender, room_id, session_id, code) VALUES (?, ?, ?, ?)",
    );
    const forget = sql.prepare(
        "DELETE FROM key_refusals WHERE id IN (SELECT id FROM key_refusals WHERE sender = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
    );
    for (const { sender, roomId, sessionId, code } of refusals) insert.run(sender, roomId, sessionId, code);
    for (const sender of new Set(refusals.map((refusal) => refusal.sender))) forget.run(sender, mostOfASender);
    sql.prepare("DELETE FROM key_refusals WHERE id <= (SELECT max(id) FROM key_refusals) - ?").run(mostInAll);
    return refusals.map(({ roomId }) => roomId);
}

export async function keyRefusals({ store }: MachineContext, roomId: string): Promise<readonly KeyRefusal[]> {
    const select = "SELECT session_id, sender, code FROM key_refusals WHERE room_id = ? ORDER BY id DESC LIMIT ?";
    const rows = await store.atomically((sql) => sql.prepare(select).all(roomId, mostOfARoom));
    return rows.map((row) => ({
        sessionId: textOf(row, "session_id"),
        sender: textOf(row, "sender"),
        code: textOf(row, "code"),
    }));
}
