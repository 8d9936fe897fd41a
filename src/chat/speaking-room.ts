import type { EncryptionRoom } from "../crypto/index.ts";
import type { Rooms } from "../rooms/index.ts";

/**
 * The room as one to say something in, encrypted: to its joined members, or to those of `listeners` among them; undefined: it is none, or
 * not yet. Invitees read by the bundle; were the machine asked to track them, each delivery would wait for their device lists.
 */
export function speakingRoom(
    rooms: Pick<Rooms, "room" | "membersWith">,
    roomId: string,
    listeners?: readonly string[],
): EncryptionRoom | undefined {
    const room = rooms.room(roomId);
    if (room?.membership !== "join" || room.encryption !== "encrypted" || room.visibility === "unknown") return undefined;
    const joined = rooms.membersWith(roomId, "join").map(({ userId }) => userId);
    return { visibility: room.visibility, members: joined.filter((userId) => listeners?.includes(userId) ?? true) };
}

/** Encrypts and sends an event, a message unless told otherwise; the same transaction ID makes repeating harmless. */
export type SendEncrypted = (
    room: () => EncryptionRoom | undefined,
    roomId: string,
    txnId: string,
    content: object,
    type?: string,
) => Promise<void>;
